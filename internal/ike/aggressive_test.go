package ike

import (
	"net/netip"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// namedKeys is a KeyStore that knows peers by the names that they present.
type namedKeys map[string]string

func (k namedKeys) PresharedKey(q KeyQuery) (Key, bool) {
	s, ok := k[q.Identity.Data]
	return Key{Secret: secret.FromString(s), Named: ok}, ok
}

var spokeName = policy.FQDNIdentity("spoke.example.com")

// withAggressive has the spoke begin in aggressive mode under a name, by which the
// hub knows its key.
func withAggressive(hub, spoke *Config) {
	hub.Keys = namedKeys{spokeName.Data: "mekmitasdigoat"}
	spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: spokeName, Secret: secret.FromString("mekmitasdigoat")}}
}

// withGroup has the spoke begin as a client of a group.
func withGroup(hub, spoke *Config) {
	hub.Keys = fixedKeys("")
	hub.Groups = map[string]secret.Secret{"admin": secret.FromString("group key")}
	spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: "admin"}, Secret: secret.FromString("group key")}}
}

func TestAggressiveModeReachesQMIdle(t *testing.T) {
	for name, change := range map[string]func(hub, spoke *Config){"name": withAggressive, "group": withGroup} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, change)
			p.connect()
			p.checkUp()
			if p.sent != 6 {
				t.Errorf("%d datagrams, want 3 of aggressive mode and 3 of quick mode", p.sent)
			}
			hub, spoke := p.hub.engine.ISAKMPSAs()[0], p.spoke.engine.ISAKMPSAs()[0]
			if !hub.Aggressive || !spoke.Aggressive || hub.XAuth || spoke.XAuth {
				t.Errorf("the hub's SA is %+v, the spoke's %+v", hub, spoke)
			}
			if want := p.spoke.engine.cfg.Aggressive[hubAddr].Identity; hub.PeerIdentity != want {
				t.Errorf("the hub sees %+v, want %+v", hub.PeerIdentity, want)
			}
			if spoke.PeerIdentity != policy.AddressIdentity(hubAddr) {
				t.Errorf("the spoke sees %+v", spoke.PeerIdentity)
			}
		})
	}
}

func TestAggressiveModeDisabled(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withAggressive(hub, spoke)
		hub.NoAggressive = true
	})
	p.connect()
	if got := p.hub.engine.Statistics().Dropped[trace.DropAggressiveMode]; got != 1 {
		t.Errorf("%d messages are dropped, want 1", got)
	}
	if n := len(p.hub.engine.ISAKMPSAs()); n != 0 {
		t.Errorf("%d SAs for what is refused", n)
	}
}
