package gateway

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
)

// oneKey is everybody's but one's, with whom it panics.
type oneKey struct{ fault netip.Addr }

func (k oneKey) PresharedKey(q ike.KeyQuery) (ike.Key, bool) {
	if q.Remote == k.fault {
		panic("broken on purpose")
	}
	return ike.Key{Secret: secret.FromString("a key")}, true
}

// firstMessage is message 1 of main mode, and a configuration that answers it.
func firstMessage(t *testing.T) ([]byte, ike.Config) {
	local, remote := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	cfg := ike.Config{Rand: rand.Reader, Keys: oneKey{netip.MustParseAddr("198.51.100.7")},
		Policies: []policy.IKE{{Priority: 1, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP1024, Lifetime: policy.DefaultLifetime}}}
	to := cfg
	to.Connections = []*ike.Connection{{Tag: 1, Map: "CMAP", Local: local, Peers: []netip.Addr{remote},
		TransformSets: []policy.TransformSet{{Name: "TSET", Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}},
		ACL:           []policy.ACLEntry{{Permit: true, Local: networkProxy("10.1.0.0/16"), Remote: networkProxy("10.2.0.0/16")}}}}
	var fx ike.Effects
	ike.New(to).Acquire(time.Now(), ike.Acquire{Connection: 1}, &fx)
	if len(fx.Send) != 1 {
		t.Fatalf("%d messages", len(fx.Send))
	}
	from := *to.Connections[0]
	from.Local, from.Peers, from.Dynamic, from.ACL = remote, nil, true, nil
	cfg.Connections = []*ike.Connection{&from}
	return fx.Send[0].Data, cfg
}

func networkProxy(prefix string) policy.Proxy {
	return policy.ProxyFromPrefix(netip.MustParsePrefix(prefix), 0, 0)
}

// The crew answers all messages of a batch; one that has a fault handled is told of,
// and is the only one without an answer.
func TestCrewHandlesABatch(t *testing.T) {
	wantNoLeak(t)
	message, cfg := firstMessage(t)
	engines := ike.NewEngines(cfg, 3)
	c := newCrew(3)
	defer c.close()
	var batch []ike.Input
	for i := range byte(40) {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, i}), isakmp.PortIKE)
		batch = append(batch, datagram{netip.MustParseAddrPort("192.0.2.2:500"), from, append([]byte(nil), message...)}.input())
	}
	now := time.Now()
	shares := engines.Spread(now, batch)
	if len(shares) != 3 {
		t.Errorf("%d shares, want 3", len(shares))
	}
	faults := c.run(shares)
	if len(faults) != 1 || faults[0].what != "a message from 198.51.100.7:500" || faults[0].why != "broken on purpose" || !strings.Contains(faults[0].where, "oneKey.PresharedKey") {
		t.Errorf("faults %+v", faults)
	}
	var fx ike.Effects
	engines.Gather(now, &fx)
	if len(fx.Send) != 39 {
		t.Errorf("%d answers, want 39", len(fx.Send))
	}
	if faults := c.run(engines.Spread(now, batch[:1])); len(faults) != 0 {
		t.Errorf("old faults are told again: %+v", faults)
	}
}
