package ike

import (
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Whether a user has to log in is agreed in phase 1, or demanded by the end where
// users log in.
func TestPhase1AgreesOnXAUTH(t *testing.T) {
	for name, c := range map[string]struct {
		server, client, exempt, main bool
		up                           bool
		hub, spoke                   bool
	}{
		"both":                         {server: true, client: true, up: true, hub: true, spoke: true},
		"the server alone":             {server: true, up: true, hub: true},
		"the server, but for this key": {server: true, exempt: true, up: true},
		"the client alone":             {client: true},
		"none":                         {up: true},
		"the server, in main mode":     {server: true, main: true, up: true, hub: true},
		"exempt in main mode":          {server: true, main: true, exempt: true, up: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, func(hub, spoke *Config) {
				withAggressive(hub, spoke)
				hub.Keys = exempting{hub.Keys, c.exempt}
				if c.main {
					spoke.Aggressive, hub.Keys = nil, exempting{fixedKeys("mekmitasdigoat"), c.exempt}
				} else {
					spoke.Aggressive[hubAddr].XAUTH = c.client
				}
				if c.server {
					hub.Connections[0].Clients = &Clients{Authentication: "USERS"}
				}
			})
			p.connect()
			if up := p.hub.engine.Statistics().Phase1Up == 1 && p.spoke.engine.Statistics().Phase1Up == 1; up != c.up {
				t.Fatalf("up: %v, want %v", up, c.up)
			}
			if !c.up {
				if !refuses(p.hub.events, isakmp.AuthXAUTHInitPSK) {
					t.Error("the hub does not say that it refuses XAUTH")
				}
				return
			}
			if hub, spoke := p.hub.engine.ISAKMPSAs()[0].XAuth, p.spoke.engine.ISAKMPSAs()[0].XAuth; hub != c.hub || spoke != c.spoke {
				t.Errorf("the hub has XAUTH %v, the spoke %v", hub, spoke)
			}
		})
	}
}

func refuses(e *events, method isakmp.AuthMethod) bool {
	for _, r := range e.list {
		if x, ok := r.Event.(*trace.IKETransformRefused); ok && x.Attr == trace.IKEAttrAuth && x.Offered == uint32(method) {
			return true
		}
	}
	return false
}

// exempting is a KeyStore whose keys may say no-xauth.
type exempting struct {
	KeyStore
	noXAuth bool
}

func (x exempting) PresharedKey(q KeyQuery) (Key, bool) {
	k, ok := x.KeyStore.PresharedKey(q)
	k.NoXAuth = x.noXAuth
	return k, ok
}
