package ike

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// phase2 sets one transform set for both ends.
func phase2(ts policy.TransformSet) func(hub, spoke *Config) {
	return func(hub, spoke *Config) {
		hub.Connections[0].TransformSets = []policy.TransformSet{ts}
		spoke.Connections[0].TransformSets = []policy.TransformSet{ts}
	}
}

func TestEveryPhase2Suite(t *testing.T) {
	var suites []policy.TransformSet
	for _, auth := range []isakmp.AuthAlgorithm{isakmp.AuthAlgHMACMD5, isakmp.AuthAlgHMACSHA1, isakmp.AuthAlgHMACSHA256,
		isakmp.AuthAlgHMACSHA384, isakmp.AuthAlgHMACSHA512} {
		suites = append(suites, policy.TransformSet{Cipher: isakmp.ESP3DES, Auth: auth}, policy.TransformSet{Cipher: isakmp.ESPNull, Auth: auth})
		for _, bits := range []uint16{128, 192, 256} {
			suites = append(suites, policy.TransformSet{Cipher: isakmp.ESPAES, KeyBits: bits, Auth: auth})
		}
	}
	for _, bits := range []uint16{128, 192, 256} {
		suites = append(suites, policy.TransformSet{Cipher: isakmp.ESPAESGCM16, KeyBits: bits})
	}
	for _, ts := range suites {
		t.Run(fmt.Sprintf("%s-%d %s", ts.Cipher, ts.KeyBits, ts.Auth), func(t *testing.T) {
			p := upWith(t, phase2(ts))
			for _, x := range p.hub.sas {
				if x.Transform != ts.Cipher || x.KeyBits != ts.KeyBits || x.Auth != ts.Auth || x.Mode != ipsec.Tunnel {
					t.Errorf("installed %s-%d %s, mode %v", x.Transform, x.KeyBits, x.Auth, x.Mode)
				}
			}
		})
	}
}

func TestEveryPFSGroup(t *testing.T) {
	for _, g := range []isakmp.Group{isakmp.GroupMODP768, isakmp.GroupMODP1024, isakmp.GroupMODP1536, isakmp.GroupMODP2048,
		isakmp.GroupECP256, isakmp.GroupECP384, isakmp.GroupECP521} {
		t.Run(g.String(), func(t *testing.T) {
			p := upWith(t, func(hub, spoke *Config) { hub.Connections[0].PFS, spoke.Connections[0].PFS = g, g })
			for _, s := range []*side{p.hub, p.spoke} {
				if got := s.engine.IPsecSAs()[0].PFS; got != g {
					t.Errorf("%s: PFS with group %d, want %d", s.name, got, g)
				}
			}
		})
	}
}

// A responder that does not ask for PFS takes any group, as IOS does.
func TestPFSThatOnlyTheInitiatorWants(t *testing.T) {
	p := upWith(t, func(_, spoke *Config) { spoke.Connections[0].PFS = isakmp.GroupMODP1024 })
	if got := p.hub.engine.IPsecSAs()[0].PFS; got != isakmp.GroupMODP1024 {
		t.Errorf("the hub's SAs have group %d", got)
	}
}

func TestTransportMode(t *testing.T) {
	ts := aesSet()
	ts.Transport = true
	p := upWith(t, func(hub, spoke *Config) {
		phase2(ts)(hub, spoke)
		betweenGateways(hub, spoke)
	})
	for _, x := range p.spoke.sas {
		if x.Mode != ipsec.Transport {
			t.Errorf("mode %v", x.Mode)
		}
	}
}

// betweenGateways protects the packets of the two gateways themselves.
func betweenGateways(hub, spoke *Config) {
	hub.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(hubAddr), Remote: hostProxy(spokeAddr)}}
	spoke.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(spokeAddr), Remote: hostProxy(hubAddr)}}
}

// TestTransportModeOfOneEnd: tunnel mode is used for networks, and for the
// gateways themselves where the end that has it begins.
func TestTransportModeOfOneEnd(t *testing.T) {
	for name, change := range map[string]func(hub, spoke *Config){
		"networks, at the initiator": func(_, spoke *Config) { spoke.Connections[0].TransformSets[0].Transport = true },
		"networks, at the responder": func(hub, _ *Config) { hub.Connections[0].TransformSets[0].Transport = true },
		"networks, at both": func(hub, spoke *Config) {
			hub.Connections[0].TransformSets[0].Transport, spoke.Connections[0].TransformSets[0].Transport = true, true
		},
		"the gateways, at the responder": func(hub, spoke *Config) {
			betweenGateways(hub, spoke)
			hub.Connections[0].TransformSets[0].Transport = true
		},
	} {
		p := upWith(t, change)
		for _, end := range []*side{p.hub, p.spoke} {
			for _, x := range end.sas {
				if x.Mode != ipsec.Tunnel {
					t.Errorf("%s: %s has mode %v", name, end.name, x.Mode)
				}
			}
		}
	}
}

func TestProxyIdentities(t *testing.T) {
	span := func(lo, hi string) policy.Proxy {
		return policy.Proxy{Type: isakmp.IDIPv4AddrRange, Lo: netip.MustParseAddr(lo), Hi: netip.MustParseAddr(hi)}
	}
	prefix := func(s string, protocol uint8, port uint16) policy.Proxy {
		return policy.ProxyFromPrefix(netip.MustParsePrefix(s), protocol, port)
	}
	for name, ends := range map[string][2]policy.Proxy{ // the spoke's, the hub's
		"hosts":                {prefix("10.1.1.1/32", 0, 0), prefix("10.2.2.2/32", 0, 0)},
		"subnets":              {prefix("10.1.0.0/16", 0, 0), prefix("10.2.2.0/23", 0, 0)},
		"ranges":               {span("10.1.1.5", "10.1.1.99"), span("10.2.0.0", "10.2.0.6")},
		"everything":           {prefix("0.0.0.0/0", 0, 0), prefix("10.2.2.2/32", 0, 0)},
		"IPv6":                 {prefix("2001:db8:1::/64", 0, 0), prefix("2001:db8:2::1/128", 0, 0)},
		"protocol":             {prefix("10.1.1.0/24", 47, 0), prefix("10.2.2.0/24", 47, 0)},
		"a server's port":      {prefix("10.1.1.0/24", 6, 0), prefix("10.2.2.2/32", 6, 443)},
		"ports at both ends":   {prefix("10.1.1.1/32", 17, 1701), prefix("10.2.2.2/32", 17, 1701)},
		"a subnet and a range": {prefix("10.1.1.0/24", 0, 0), span("10.2.0.1", "10.2.0.3")},
	} {
		t.Run(name, func(t *testing.T) {
			p := upWith(t, func(hub, spoke *Config) {
				spoke.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: ends[0], Remote: ends[1]}}
				hub.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: ends[1], Remote: ends[0]}}
			})
			got := p.hub.engine.IPsecSAs()[0]
			if got.LocalProxy != ends[1] || got.RemoteProxy != ends[0] {
				t.Errorf("the hub has %+v and %+v", got.LocalProxy, got.RemoteProxy)
			}
			for _, x := range p.spoke.sas {
				if x.Selector != policy.Selector(ends[0], ends[1]) {
					t.Errorf("the spoke's selector is %+v", x.Selector)
				}
			}
		})
	}
}

// A responder takes what lies within a line of its access list, and the SAs are
// for what was asked, not for the line.
func TestTheResponderTakesASubset(t *testing.T) {
	part := policy.ProxyFromPrefix(netip.MustParsePrefix("192.168.3.64/26"), 0, 0)
	p := upWith(t, func(_, spoke *Config) { spoke.Connections[0].ACL[0].Local = part })
	if got := p.hub.engine.IPsecSAs()[0].RemoteProxy; got != part {
		t.Errorf("the hub's SA is for %+v", got)
	}
}

// refusedWith runs a pair whose quick mode the hub must refuse for attr.
func refusedWith(t *testing.T, attr trace.IPsecAttr, change func(hub, spoke *Config)) {
	t.Helper()
	p := newPair(t, change)
	p.connect()
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
		t.Fatalf("SAs are installed: hub %d, spoke %d", len(p.hub.sas), len(p.spoke.sas))
	}
	found := false
	for _, r := range p.hub.events.list {
		if e, ok := r.Event.(*trace.IPsecTransformRefused); ok {
			found = found || e.Attr == attr
		}
	}
	if !found {
		t.Errorf("no refusal names %s", attr)
	}
	if len(p.spoke.failed) != 1 {
		t.Errorf("the request failed %d times, want once, at once", len(p.spoke.failed))
	}
	if list := p.spoke.engine.ISAKMPSAs(); len(list) != 1 || list[0].Dead {
		t.Error("phase 1 does not survive the refusal")
	}
}

func TestQuickModeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		attr   trace.IPsecAttr
		change func(hub, spoke *Config)
	}{
		"cipher":     {trace.IPsecAttrTransform, func(hub, _ *Config) { hub.Connections[0].TransformSets[0].Cipher = isakmp.ESP3DES }},
		"key length": {trace.IPsecAttrKeyLength, func(hub, _ *Config) { hub.Connections[0].TransformSets[0].KeyBits = 256 }},
		"integrity":  {trace.IPsecAttrAuth, func(hub, _ *Config) { hub.Connections[0].TransformSets[0].Auth = isakmp.AuthAlgHMACMD5 }},
		"mode": {trace.IPsecAttrMode, func(hub, spoke *Config) {
			betweenGateways(hub, spoke)
			spoke.Connections[0].TransformSets[0].Transport = true
		}},
		"no PFS": {trace.IPsecAttrGroup, func(hub, _ *Config) { hub.Connections[0].PFS = isakmp.GroupMODP1024 }},
		"PFS group": {trace.IPsecAttrGroup, func(hub, spoke *Config) {
			hub.Connections[0].PFS, spoke.Connections[0].PFS = isakmp.GroupMODP1024, isakmp.GroupMODP768
		}},
		"proxies": {trace.IPsecAttrProxy, func(_, spoke *Config) {
			spoke.Connections[0].ACL[0].Local = policy.ProxyFromPrefix(netip.MustParsePrefix("192.168.0.0/16"), 0, 0)
		}},
		"a deny line before": {trace.IPsecAttrProxy, func(hub, _ *Config) {
			c := hub.Connections[0]
			deny := c.ACL[0]
			deny.Permit = false
			deny.Remote = policy.ProxyFromPrefix(netip.MustParsePrefix("192.168.0.0/16"), 0, 0)
			c.ACL = []policy.ACLEntry{deny, c.ACL[0]}
		}},
	} {
		t.Run(name, func(t *testing.T) { refusedWith(t, c.attr, c.change) })
	}
}

// One refused quick mode does not end another that is under way.
func TestARefusalEndsItsOwnQuickModeOnly(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		addLine(hub, spoke)
		hub.Connections[0].ACL = hub.Connections[0].ACL[:1] // the second line is refused
	})
	for line := range 2 {
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1, Line: line}, fx) })
	}
	p.settle()
	p.checkUp()
	if len(p.spoke.failed) != 1 || p.spoke.failed[0].Line != 1 {
		t.Errorf("failed requests: %+v, want that of line 1", p.spoke.failed)
	}
}

func TestSeveralProposalsInOneOffer(t *testing.T) {
	sets := []policy.TransformSet{
		{Cipher: isakmp.ESPAESGCM16, KeyBits: 256},
		{Cipher: isakmp.ESPAES, KeyBits: 256, Auth: isakmp.AuthAlgHMACSHA256},
		{Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1},
		{Cipher: isakmp.ESP3DES, Auth: isakmp.AuthAlgHMACMD5},
	}
	for i, want := range sets {
		p := upWith(t, func(hub, spoke *Config) {
			spoke.Connections[0].TransformSets = sets
			hub.Connections[0].TransformSets = []policy.TransformSet{want}
		})
		got := p.spoke.engine.IPsecSAs()[0].Suite
		if got.Transform != want.Cipher || got.KeyBits != want.KeyBits || got.Auth != want.Auth {
			t.Errorf("set %d: agreed on %+v", i, got)
		}
	}
	// The initiator's preference wins over the responder's.
	p := upWith(t, func(hub, spoke *Config) {
		spoke.Connections[0].TransformSets = sets
		hub.Connections[0].TransformSets = []policy.TransformSet{sets[3], sets[1]}
	})
	if got := p.hub.engine.IPsecSAs()[0].Suite; got.Transform != sets[1].Cipher {
		t.Errorf("agreed on %+v, want the initiator's second", got)
	}
}

func TestTheShorterPhase2LifetimesHold(t *testing.T) {
	p := upWith(t, func(hub, spoke *Config) {
		hub.Connections[0].Lives = policy.Lives{Seconds: 7200, Kilobytes: 1000}
		spoke.Connections[0].Lives = policy.Lives{Seconds: 120, Kilobytes: 100000}
	})
	if got := p.hub.engine.IPsecSAs()[0].Lives; got != (policy.Lives{Seconds: 120, Kilobytes: 1000}) {
		t.Errorf("the hub has %+v", got)
	}
	for _, x := range p.hub.sas {
		if x.LifeSeconds != 120 || x.LifeKilobytes != 1000 {
			t.Errorf("installed with %d s and %d KB", x.LifeSeconds, x.LifeKilobytes)
		}
	}
	p.advance(121 * time.Second)
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
		t.Errorf("the SAs outlive their lifetime: hub %d, spoke %d", len(p.hub.sas), len(p.spoke.sas))
	}
}

func TestVolumeEndsThePairAtBothEnds(t *testing.T) {
	p := upWith(t, nil)
	spi := p.spoke.engine.IPsecSAs()[0].InSPI
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.VolumeUsedUp(p.now, spi, fx) })
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.VolumeUsedUp(p.now, 0x12345678, fx) })
	p.settle()
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
		t.Errorf("hub %d, spoke %d SAs are left", len(p.hub.sas), len(p.spoke.sas))
	}
	p.connect()
	p.checkUp()
}

// Message 1 of a quick mode that is over makes nothing, at once, after its
// memory is purged, and without an exponentiation.
func TestReplayedQuickModeIsRefused(t *testing.T) {
	var first Datagram
	p := newPair(t, withPFS)
	p.lose = func(n int, d Datagram) bool {
		if n == 7 {
			first = copied(d)
		}
		return false
	}
	p.connect()
	p.checkUp()
	for _, wait := range []time.Duration{0, time.Minute, 10 * time.Minute} {
		p.advance(wait)
		before := p.hub.engine.Statistics()
		p.wire = append(p.wire, copied(first))
		p.settle()
		after := p.hub.engine.Statistics()
		if before.Exponentiation != after.Exponentiation {
			t.Error("a replay costs an exponentiation")
		}
		p.checkUp()
	}
	if n := p.hub.engine.Statistics().Dropped[trace.DropReplay]; n == 0 {
		t.Error("no replay is counted")
	}
}

// A quick mode that repeats a message ID of an initiator's own is no answer to it.
func TestQuickModeBelongsToItsSA(t *testing.T) {
	p := upWith(t, nil)
	for _, m := range []uint32{0} {
		p.do(p.hub, func(e *Engine, fx *Effects) {
			x := e.ISAKMPSAs()[0]
			b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: x.InitiatorCookie, Responder: x.ResponderCookie, Version: isakmp.Version1,
				Exchange: isakmp.ExchangeQuick, Flags: isakmp.FlagEncryption, MessageID: m})
			b.Add(isakmp.PayloadHash, make([]byte, 28))
			e.Datagram(p.now, x.Local, x.Remote, b.Bytes(16), fx)
		})
	}
	if n := p.hub.engine.Statistics().Dropped[trace.DropMessageID]; n != 1 {
		t.Errorf("%d drops for message ID 0, want 1", n)
	}
	p.checkUp()
}

// With phase 1 gone, a quick mode under way is taken back and its request fails.
func TestDeletingPhase1TakesAQuickModeBack(t *testing.T) {
	for lost := 7; lost <= tunnelDatagrams; lost++ {
		t.Run(fmt.Sprint("before message ", lost), func(t *testing.T) {
			p := newPair(t, nil)
			p.lose = func(n int, d Datagram) bool { return n >= lost }
			p.connect()
			for _, s := range []*side{p.hub, p.spoke} {
				p.do(s, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
			}
			p.wire = nil
			if n := len(p.hub.sas); n != 0 {
				t.Errorf("the hub has %d SAs of an unfinished quick mode", n)
			}
			if want := lost < tunnelDatagrams; (len(p.spoke.failed) == 1) != want {
				t.Errorf("failed requests: %+v", p.spoke.failed)
			}
		})
	}
}
