package ike

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// vpnClient is what Cisco's VPN Client offers: with XAUTH and without, the key length
// as the last attribute.
func vpnClient() isakmp.SA {
	prop := isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolISAKMP}
	for _, x := range []struct {
		bits uint16
		hash isakmp.HashAlgorithm
		auth isakmp.AuthMethod
	}{
		{256, isakmp.HashSHA1, isakmp.AuthXAUTHInitPSK}, {256, isakmp.HashMD5, isakmp.AuthXAUTHInitPSK},
		{256, isakmp.HashSHA1, isakmp.AuthPSK}, {256, isakmp.HashMD5, isakmp.AuthPSK},
		{128, isakmp.HashSHA1, isakmp.AuthXAUTHInitPSK}, {128, isakmp.HashMD5, isakmp.AuthXAUTHInitPSK},
	} {
		prop.Transforms = append(prop.Transforms, isakmp.Transform{Number: uint8(len(prop.Transforms) + 1), ID: isakmp.TransformKeyIKE, Attributes: []isakmp.Attribute{
			isakmp.BasicAttribute(isakmp.AttrEncryption, uint16(isakmp.EncrAESCBC)), isakmp.BasicAttribute(isakmp.AttrHash, uint16(x.hash)),
			isakmp.BasicAttribute(isakmp.AttrGroup, uint16(isakmp.GroupMODP1024)), isakmp.BasicAttribute(isakmp.AttrAuthMethod, uint16(x.auth)),
			isakmp.BasicAttribute(isakmp.AttrLifeType, uint16(isakmp.LifeSeconds)), isakmp.VariableAttribute(isakmp.AttrLifeDuration, 2147483, 4),
			isakmp.BasicAttribute(isakmp.AttrKeyLength, x.bits)}})
	}
	return isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{prop}}
}

// The lines of phase 1 of the guide's Easy VPN example come in its order.
func TestEasyVPNExamplePhase1(t *testing.T) {
	client := netip.MustParseAddr("192.168.1.100")
	hub := configFor(hubAddr, spokeAddr, hubNet, spokeNet)
	hub.Policies = []policy.IKE{{Priority: 10, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashMD5, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP1024, Lifetime: policy.DefaultLifetime}}
	hub.Keepalive = &Keepalive{Interval: 20 * time.Second, Retry: 10 * time.Second}
	hub.Connections[0].Clients = &Clients{Authentication: "USERS"}
	hub.Connections[0].Dynamic, hub.Connections[0].Peers = true, nil
	hub.Groups = map[string]secret.Secret{"admin": secret.FromString("the group's key")}
	spoke := configFor(client, hubAddr, spokeNet, hubNet)
	spoke.Policies = hub.Policies
	spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: "admin"}, Secret: hub.Groups["admin"], XAUTH: true}}
	spoke.DeferDH = true
	p := &pair{t: t, now: epoch, hubAddr: hubAddr, hub: newSide("hub", hub, 1), spoke: newSide("spoke", spoke, 2)}
	p.hub.engine.serials.conn.Store(1) // the guide's is the second connection
	p.hold = func(s *side, q Question) bool { return false }
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		e.Acquire(p.now, Acquire{Connection: 1}, fx)
		p.spoke.newest().handshake.saiB = isakmp.AppendSA(nil, vpnClient()) // before its first message is made
	})
	p.settle()

	r := trace.IOS{ISAKMP: true}
	var text []byte
	for i := range p.hub.events.list {
		text = r.Append(text, &p.hub.events.list[i])
	}
	want, err := os.ReadFile("testdata/easyvpn-phase1.txt")
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.Split(string(text), "\n")
	for line := range strings.Lines(string(want)) {
		line = strings.TrimSuffix(line, "\n")
		i := 0
		for i < len(rest) && !strings.HasPrefix(rest[i], line) {
			i++
		}
		if i == len(rest) {
			t.Fatalf("no line %q behind those before it, in\n%s", line, text)
		}
		rest = rest[i+1:]
	}
}
