package ike

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

var insideAddr = netip.MustParseAddr("10.0.0.42")

// nat stands between a spoke at an inside address and the rest: the spoke is
// seen at spokeAddr, each of its ports under another one.
type nat struct {
	out map[netip.AddrPort]netip.AddrPort
	in  map[netip.AddrPort]netip.AddrPort
}

func (x *nat) rewrite(_ int, d *Datagram) {
	if d.Local.Addr() == insideAddr {
		outside, known := x.out[d.Local]
		if !known {
			outside = netip.AddrPortFrom(spokeAddr, uint16(1024+len(x.out)))
			x.out[d.Local], x.in[outside] = outside, d.Local
		}
		d.Local = outside
		return
	}
	if inside, known := x.in[d.Remote]; known {
		d.Remote = inside
	}
}

// newNATPair is a pair whose spoke is behind a NAT.
func newNATPair(t testing.TB, change func(hub, spoke *Config)) *pair {
	p := newPair(t, func(hub, spoke *Config) {
		*spoke = configFor(insideAddr, hubAddr, spokeNet, hubNet)
		all := []trace.NATTVersion{trace.NATTRFC3947, trace.NATTDraft07, trace.NATTDraft03, trace.NATTDraft02n, trace.NATTDraft02}
		hub.NATT, spoke.NATT = all, all
		if change != nil {
			change(hub, spoke)
		}
	})
	x := &nat{make(map[netip.AddrPort]netip.AddrPort), make(map[netip.AddrPort]netip.AddrPort)}
	p.rewrite = x.rewrite
	return p
}

// TestOriginalAddresses: either end names both as it sees them, where transport
// mode goes in UDP.
func TestOriginalAddresses(t *testing.T) {
	for _, transport := range []bool{true, false} {
		p := newNATPair(t, func(hub, spoke *Config) {
			hub.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(hubAddr), Remote: hostProxy(insideAddr)}}
			spoke.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(insideAddr), Remote: hostProxy(hubAddr)}}
			for _, c := range []*Config{hub, spoke} {
				c.Connections[0].TransformSets[0].Transport = transport
			}
		})
		rewrite, got := p.rewrite, map[string][]netip.Addr{}
		p.rewrite = func(number int, d *Datagram) {
			rewrite(number, d)
			to := p.sideAt(d.Remote.Addr())
			h, err := isakmp.ParseHeader(d.Data)
			if err != nil || h.Exchange != isakmp.ExchangeQuick {
				return
			}
			_, payloads := inClear(t, to.newest(), d.Data)
			for _, payload := range payloads {
				if oa, err := isakmp.ParseNATOA(payload); payload.Type == isakmp.PayloadNATOA && err == nil {
					got[to.name] = append(got[to.name], oa.Addr)
				}
			}
		}
		p.connect()
		p.checkUp()
		want := map[string][]netip.Addr{}
		if transport {
			want = map[string][]netip.Addr{"hub": {insideAddr, hubAddr}, "spoke": {spokeAddr, hubAddr}}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("transport mode %v: original addresses received: %v, want %v", transport, got, want)
		}
	}
}

func TestEveryNATTVersion(t *testing.T) {
	for _, test := range []struct {
		version       trace.NATTVersion
		encapsulation isakmp.Encapsulation
	}{
		{trace.NATTRFC3947, isakmp.EncapUDPTunnel},
		{trace.NATTDraft07, isakmp.EncapUDPTunnel},
		{trace.NATTDraft03, isakmp.EncapUDPTunnelDraft},
		{trace.NATTDraft02n, isakmp.EncapUDPTunnelDraft},
		{trace.NATTDraft02, isakmp.EncapUDPTunnelDraft},
	} {
		t.Run(test.version.String(), func(t *testing.T) {
			p := newNATPair(t, func(hub, spoke *Config) { spoke.NATT = []trace.NATTVersion{test.version} })
			p.connect()
			p.checkUp()
			hub, spoke := p.hub.shown(), p.spoke.shown()
			if !hub.NATT || !spoke.NATT {
				t.Errorf("a NAT is found by hub %v, spoke %v", hub.NATT, spoke.NATT)
			}
			if hub.Local.Port() != 4500 || hub.Remote != netip.AddrPortFrom(spokeAddr, 1025) {
				t.Errorf("the hub talks from %v to %v", hub.Local, hub.Remote)
			}
			if spoke.Local.Port() != 4500 || spoke.Remote != netip.AddrPortFrom(hubAddr, 4500) {
				t.Errorf("the spoke talks from %v to %v", spoke.Local, spoke.Remote)
			}
			for _, x := range p.hub.sas {
				if !x.UDPEncap || x.LocalPort != 4500 || x.RemotePort != 1025 {
					t.Errorf("installed with UDP %v, ports %d and %d", x.UDPEncap, x.LocalPort, x.RemotePort)
				}
			}
			if got := p.hub.engine.IPsecSAs()[0].Suite.Encap; got != test.encapsulation {
				t.Errorf("encapsulation %d, want %d", got, test.encapsulation)
			}
		})
	}
}

// Both take the best version that both speak.
func TestTheBestNATTVersionIsTaken(t *testing.T) {
	for _, test := range []struct {
		hub, spoke []trace.NATTVersion
		want       trace.NATTVersion
	}{
		{[]trace.NATTVersion{trace.NATTDraft02n, trace.NATTDraft03}, []trace.NATTVersion{trace.NATTRFC3947, trace.NATTDraft03, trace.NATTDraft02n}, trace.NATTDraft03},
		{[]trace.NATTVersion{trace.NATTRFC3947}, []trace.NATTVersion{trace.NATTDraft03}, trace.NATTNone},
		{nil, []trace.NATTVersion{trace.NATTRFC3947}, trace.NATTNone},
	} {
		p := newPair(t, func(hub, spoke *Config) { hub.NATT, spoke.NATT = test.hub, test.spoke })
		p.connect()
		p.checkUp()
		if h, s := p.hub.newest().natt, p.spoke.newest().natt; h != test.want || s != test.want {
			t.Errorf("hub %v, spoke %v: took %v and %v, want %v", test.hub, test.spoke, h, s, test.want)
		}
	}
}

// Without a NAT nothing moves to port 4500 and nothing is encapsulated.
func TestWithoutANATNothingFloats(t *testing.T) {
	p := upWith(t, nil)
	for _, s := range []*side{p.hub, p.spoke} {
		x := s.shown()
		if x.NATT || x.Local.Port() != 500 || x.Remote.Port() != 500 {
			t.Errorf("%s: NAT %v, from %v to %v", s.name, x.NATT, x.Local, x.Remote)
		}
		for _, sa := range s.sas {
			if sa.UDPEncap {
				t.Errorf("%s: an SA is encapsulated", s.name)
			}
		}
	}
}

// No hash covers NAT-D payloads. Where one of them is damaged, or forged, the ends
// differ on whether there is a NAT, and still have a tunnel, whoever asks for it.
func TestDamagedNATDetection(t *testing.T) {
	for _, behind := range []bool{false, true} {
		for message := 3; message <= 4; message++ {
			for which := range 2 {
				for _, asker := range []string{"hub", "spoke"} {
					make := newPair
					if behind {
						make = newNATPair
					}
					p := make(t, nil)
					before := p.rewrite
					p.rewrite = func(n int, d *Datagram) {
						if n == message {
							d.Data = bentNATD(t, d.Data, which)
						}
						if before != nil {
							before(n, d)
						}
					}
					p.connect()
					p.checkUp()
					side := p.spoke
					if asker == "hub" {
						side = p.hub
					}
					p.do(side, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
					p.settle()
					p.do(side, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
					p.advance(time.Second)
					p.checkUp()
					for spi, sa := range p.hub.sas {
						if sa.UDPEncap != p.spoke.sas[spi].UDPEncap || sa.UDPEncap && sa.LocalPort != isakmp.PortNATT {
							t.Errorf("behind a NAT %v, payload %d of message %d, asked by the %s: %+v", behind, which, message, asker, sa)
						}
					}
				}
			}
		}
	}
}

// bentNATD is a message 3 or 4 with one bit of a NAT-D payload changed.
func bentNATD(t testing.TB, data []byte, which int) []byte {
	h, payloads := inClear(t, nil, data)
	seen := 0
	for _, p := range payloads {
		if !contains(natD, p.Type) {
			continue
		}
		if seen == which {
			p.Body[0] ^= 1
		}
		seen++
	}
	if seen != 2 {
		t.Fatalf("%d NAT-D payloads", seen)
	}
	var body []byte
	h.NextPayload, body = chained(payloads)
	return setLength(append(h.AppendTo(nil), body...))
}

func TestLossBehindANATIsMended(t *testing.T) {
	for lost := 1; lost <= tunnelDatagrams; lost++ {
		t.Run(fmt.Sprint("message ", lost), func(t *testing.T) {
			p := newNATPair(t, withPFS)
			p.lose = func(n int, _ Datagram) bool { return n == lost }
			p.connect()
			p.advance(upAfter)
			p.checkUp()
		})
	}
}

// The one behind the NAT keeps its mapping open, on an SA that is up.
func TestNATKeepalives(t *testing.T) {
	p := newNATPair(t, func(hub, spoke *Config) { hub.NATKeepalive, spoke.NATKeepalive = 20*time.Second, 20*time.Second })
	var from []netip.AddrPort
	p.keepalive = func(d Datagram) {
		from = append(from, d.Local)
		if string(d.Data) != "\xff" || d.Remote.Port() != 4500 {
			t.Errorf("a keepalive of %x to %v", d.Data, d.Remote)
		}
	}
	p.connect()
	p.advance(61 * time.Second)
	if len(from) != 3 {
		t.Fatalf("%d keepalives in a minute, want 3", len(from))
	}
	for _, a := range from {
		if a.Addr() != insideAddr {
			t.Errorf("a keepalive of %v, which is not behind the NAT", a)
		}
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	from = nil
	p.advance(time.Hour)
	if len(from) != 0 {
		t.Errorf("%d keepalives after the SA's end", len(from))
	}
}

// twoBehindOneNAT is a hub with tunnels to two spokes that are seen at one
// address: the pair's is the second.
func twoBehindOneNAT(t *testing.T) (p *pair, first *side) {
	second := netip.MustParseAddr("10.0.0.43")
	p = newNATPair(t, func(hub, _ *Config) {
		c := *hub.Connections[0]
		line := c.ACL[0]
		line.Remote = policy.ProxyFromPrefix(netip.MustParsePrefix("192.168.30.0/24"), 0, 0)
		c.Tag, c.Seq, c.ACL = 2, 20, []policy.ACLEntry{line}
		hub.Connections = append(hub.Connections, &c)
	})
	p.connect()
	p.checkUp()
	first = p.spoke
	cfg := configFor(second, hubAddr, netip.MustParsePrefix("192.168.30.0/24"), hubNet)
	cfg.NATT = []trace.NATTVersion{trace.NATTRFC3947}
	p.spoke = newSide("second", cfg, 5)
	p.rewrite = func(_ int, d *Datagram) {
		switch {
		case d.Local.Addr() == second:
			d.Local = netip.AddrPortFrom(spokeAddr, 3000+d.Local.Port())
		case d.Remote.Addr() == spokeAddr:
			d.Remote = netip.AddrPortFrom(second, d.Remote.Port()-3000)
		}
	}
	p.connect()
	if p.hub.upSAs() != 2 || len(p.hub.sas) != 4 || len(p.spoke.sas) != 2 {
		t.Fatalf("the hub has %d ISAKMP and %d IPsec SAs, the second spoke %d", p.hub.upSAs(), len(p.hub.sas), len(p.spoke.sas))
	}
	return p, first
}

// Two spokes behind one NAT are two peers.
func TestTwoSpokesBehindOneNAT(t *testing.T) {
	p, first := twoBehindOneNAT(t)
	// The second deletes its own SAs; those of the first are not its.
	victim := first.engine.IPsecSAs()[0]
	p.deliver(p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolESP, spiOctets(victim.InSPI))))
	if len(p.hub.sas) != 4 {
		t.Errorf("a peer deleted another's SAs behind the same NAT")
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
	p.settle()
	if len(p.hub.sas) != 2 || p.hub.upSAs() != 1 {
		t.Errorf("the hub has %d IPsec and %d ISAKMP SAs, want 2 and 1", len(p.hub.sas), p.hub.upSAs())
	}
}

// A message from an address or port that is not the SA's is not used, except
// that a port may change once, to 4500, while NAT traversal floats.
func TestMessagesFromElsewhere(t *testing.T) {
	for at := 3; at <= tunnelDatagrams; at++ {
		p := newPair(t, nil)
		lied := 0
		p.lose = func(n int, d Datagram) bool {
			if n != at {
				return false
			}
			to := p.sideAt(d.Remote.Addr())
			for _, from := range []netip.AddrPort{netip.MustParseAddrPort("203.0.113.9:500"), netip.AddrPortFrom(d.Local.Addr(), 501)} {
				before := to.engine.Statistics()
				f := copied(d)
				p.do(to, func(e *Engine, fx *Effects) { e.Datagram(p.now, f.Remote, from, f.Data, fx) })
				after := to.engine.Statistics()
				if after.DatagramsOut != before.DatagramsOut || after.Exponentiation != before.Exponentiation {
					t.Errorf("message %d from %v is answered", n, from)
				}
				if after.Dropped[trace.DropWrongAddress] != before.Dropped[trace.DropWrongAddress]+1 {
					t.Errorf("message %d from %v is not counted", n, from)
				}
				lied++
			}
			return false
		}
		p.connect()
		p.checkUp()
		if lied != 2 {
			t.Errorf("message %d: %d lies", at, lied)
		}
	}
}
