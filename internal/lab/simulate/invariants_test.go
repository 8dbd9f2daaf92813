package simulate

import (
	"encoding/binary"
	"io"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// quiet is a plan without any trouble: two gateways, a flow from g1 to g2.
func quiet() *Plan {
	p := &Plan{Seed: 1, Calm: 20 * time.Second}
	d := &draw{Rand: stream(1, "quiet"), plan: p}
	a, b := d.site(), d.site()
	t := d.tunnel(a, b)
	t.sets = []string{"esp-gcm"}
	for _, s := range p.sites {
		s.seen, s.policies, s.policyLife, s.replay, s.retransmit = s.addr, phase1[:1], 600, 64, retransmission{1, 2}
	}
	a.add(&entry{tunnel: t, peers: []*site{b}, life: 600, lines: []acl{{a.nets[0], b.nets[0]}}})
	b.add(&entry{tunnel: t, peers: []*site{a}, life: 600, lines: []acl{{b.nets[0], a.nets[0]}}})
	p.flows = []*flow{{id: 1, from: a, to: []*site{b}, source: own(a.nets[0]), target: own(b.nets[0]), path: p.tunnels, size: 100, every: 3 * time.Second}}
	for _, s := range p.sites {
		s.configuration = s.render()
	}
	return p
}

// calm is a run of that plan whose tunnel is up.
func calm(t *testing.T) *run {
	r := newRun(quiet())
	r.open(io.Discard)
	for _, phase := range []func(){r.suffer, r.recover} {
		phase()
	}
	r.delivery.beStrict()
	if r.failure != nil {
		t.Fatal(r.failure)
	}
	return r
}

// echo is a packet of the flow, in clear.
func (r *run) echo(kind byte, seq uint16) ip {
	f := r.plan.flows[0]
	p := make(ip, f.size)
	p[0], p[9] = 0x45, protocolICMP
	source, target := f.source.As4(), f.target.As4()
	if kind == echoReply {
		source, target = target, source
	}
	copy(p[12:], source[:])
	copy(p[16:], target[:])
	p[ipHeader] = kind
	binary.BigEndian.PutUint16(p[ipHeader+4:], f.id)
	binary.BigEndian.PutUint16(p[ipHeader+6:], seq)
	for i := ipHeader + icmpHeader; i+1 < len(p); i += 2 {
		p[i], p[i+1] = 0xab, 0xcd
	}
	return p
}

// wire is a packet of UDP 500 or of protocol 50.
func wire(protocol byte, data []byte) []byte {
	head := make([]byte, ipHeader, ipHeader+udpHeader)
	head[0], head[9] = 0x45, protocol
	if protocol == protocolUDP {
		head = append(head, 500>>8, 500&0xff, 500>>8, 500&0xff, 0, 0, 0, 0)
	}
	return append(head, data...)
}

// esp is an ESP packet of an SA with the sequence number for its IV.
func esp(spi, seq uint32, iv byte) []byte {
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, spi), seq)
	return wire(protocolESP, append(data, 0, 0, 0, 0, 0, 0, 0, iv, 1, 2, 3, 4))
}

// message is an encrypted IKE message whose ciphertext begins with a block.
func message(exchange isakmp.ExchangeType, id uint32, block, rest byte) []byte {
	m := make([]byte, isakmp.HeaderLen+16)
	m[0], m[8], m[16], m[17], m[18], m[19] = 1, 2, 8, 0x10, byte(exchange), isakmp.FlagEncryption
	binary.BigEndian.PutUint32(m[20:], id)
	m[24+3], m[isakmp.HeaderLen], m[isakmp.HeaderLen+8] = byte(len(m)), block, rest
	return wire(protocolUDP, m)
}

func params(d ipsec.Direction, spi uint32, key string) ipsec.SAParams {
	return ipsec.SAParams{Direction: d, SPI: spi, EncKey: secret.FromString(key), Transform: isakmp.ESPAESGCM16}
}

// ended is a record about the only tunnel, which the history does not have.
func (r *run) ended(ev trace.Event) *trace.Record {
	rec := trace.Record{Time: r.world.Now(), Event: ev}
	rec.Remote = netip.AddrPortFrom(r.plan.sites[1].addr, 500)
	rec.SA = 1
	return &rec
}

// Each invariant is shown a breach in a run that is otherwise in order.
func TestEveryBreachIsSeen(t *testing.T) {
	for _, test := range []struct {
		name, want string
		breach     func(r *run, o observer)
	}{
		{"nothing", "", func(r *run, o observer) { o.Stepped() }},
		{"a packet leaves in clear", "no clear packet", func(r *run, o observer) { o.Sent("g1", outerInterface, r.echo(echoRequest, 1)) }},
		{"a packet that came in clear is taken", "no clear packet", func(r *run, o observer) { o.Arrived("g2", r.echo(echoRequest, 1), true) }},
		{"two SAs have the same keys", "no traffic key reused", func(r *run, o observer) {
			o.Installed("g1", params(ipsec.Inbound, 1000, "a"))
			o.Installed("g2", params(ipsec.Inbound, 1001, "a"))
		}},
		{"the peer has other keys", "both ends agree", func(r *run, o observer) {
			o.Installed("g1", params(ipsec.Inbound, 1000, "a"))
			o.Installed("g2", params(ipsec.Outbound, 1000, "b"))
		}},
		{"a sequence number is used again", "no traffic key reused", func(r *run, o observer) {
			o.Installed("g1", params(ipsec.Inbound, 1000, "a"))
			o.Installed("g2", params(ipsec.Outbound, 1000, "a"))
			o.Sent("g2", outerInterface, esp(1000, 1, 1))
			o.Sent("g2", outerInterface, esp(1000, 1, 2))
		}},
		{"an IV is used again", "no traffic key reused", func(r *run, o observer) {
			o.Installed("g1", params(ipsec.Inbound, 1000, "a"))
			o.Installed("g2", params(ipsec.Outbound, 1000, "a"))
			o.Sent("g2", outerInterface, esp(1000, 1, 1))
			o.Sent("g2", outerInterface, esp(1000, 2, 1))
		}},
		{"ESP of an SA that was removed", "both ends agree", func(r *run, o observer) {
			o.Installed("g1", params(ipsec.Inbound, 1000, "a"))
			o.Installed("g2", params(ipsec.Outbound, 1000, "a"))
			o.Record("g2", r.ended(&trace.IPsecSADeleted{SPI: 1000, Reason: trace.ReasonUserCommand}))
			o.Removed("g2", ike.RemovedSA{Direction: ipsec.Outbound, SPI: 1000})
			o.Sent("g2", outerInterface, esp(1000, 1, 1))
		}},
		{"two IKE messages begin with the same ciphertext", "no IV reused", func(r *run, o observer) {
			o.Sent("g1", outerInterface, message(isakmp.ExchangeInformational, 7, 1, 1))
			o.Sent("g1", outerInterface, message(isakmp.ExchangeInformational, 8, 1, 2))
		}},
		{"two messages under one ID", "no IV reused", func(r *run, o observer) {
			o.Sent("g1", outerInterface, message(isakmp.ExchangeInformational, 7, 1, 1))
			o.Sent("g1", outerInterface, message(isakmp.ExchangeInformational, 7, 2, 1))
		}},
		{"the same message again", "", func(r *run, o observer) {
			o.Sent("g1", outerInterface, message(isakmp.ExchangeInformational, 7, 1, 1))
			o.Sent("g1", outerInterface, message(isakmp.ExchangeInformational, 7, 1, 1))
		}},
		{"a packet comes out of the tunnel twice", "no packet delivered twice", func(r *run, o observer) { o.Arrived("g2", r.echo(echoRequest, 1), false) }},
		{"an answer comes twice", "no packet delivered twice", func(r *run, o observer) { o.Arrived("g1", r.echo(echoReply, 1), false) }},
		{"a packet is altered", "no packet altered", func(r *run, o observer) {
			p := r.echo(echoRequest, 1)
			p[60] ^= 1
			o.Arrived("g2", p, false)
		}},
		{"nobody sent it", "no packet altered", func(r *run, o observer) { o.Arrived("g2", r.echo(echoRequest, 999), false) }},
		{"a packet is lost", "nothing lost", func(r *run, o observer) {
			f := r.delivery.flows[0]
			f.sent = append(f.sent, ping{at: r.now(), source: f.flow.source})
			r.pass(4 * time.Second)
			r.delivery.overdue()
		}},
		{"an SA ends for no reason", "every end has a reason", func(r *run, o observer) {
			o.Record("g1", r.ended(&trace.SADeleting{Reason: trace.ReasonNone}))
		}},
		{"an SA is forgotten whose end was not told", "every end has a reason", func(r *run, o observer) {
			o.Record("g1", r.ended(&trace.SAPurged{}))
		}},
		{"an IPsec SA goes untold", "every end has a reason", func(r *run, o observer) { o.Removed("g1", ike.RemovedSA{SPI: 1000}) }},
		{"the history lacks an end", "every end has a reason", func(r *run, o observer) {
			o.Record("g1", r.ended(&trace.SADeleting{Reason: trace.ReasonPeerDead}))
			r.pass(time.Second)
			o.Stepped()
		}},
		{"a lifetime ends without a successor", "renewed in time", func(r *run, o observer) {
			o.Record("g1", r.ended(&trace.IPsecSADeleted{Inbound: true, SPI: r.world.Router("g1").IPsecSAs()[0].InSPI, Reason: trace.ReasonLifetime}))
		}},
		{"one datagram causes many", "bounded work", func(r *run, o observer) { o.Answered("g1", 9) }},
		{"SAs outlive their lifetimes", "lifetimes", func(r *run, o observer) { r.tables.lives(r.world.Now().Add(time.Hour)) }},
		{"something is left", "no leak", func(r *run, o observer) { r.tables.empty() }},
		{"an end has what the other has not", "both ends agree", func(r *run, o observer) {
			r.do("loss 100")
			r.do("restart g2")
			for range 15 {
				r.agreement.watch()
				r.pass(time.Second)
			}
		}},
		{"traffic does not come back", "liveness", func(r *run, o observer) {
			r.do("block esp")
			r.pass(20 * time.Second)
			r.delivery.strict, r.delivery.since = false, r.now()+time.Hour
			r.recover()
		}},
		{"the ends do not come to agree", "agreement", func(r *run, o observer) {
			r.delivery.stop()
			r.delivery.flows, r.plan.flows = nil, nil
			r.delivery.strict = false
			r.do("block udp 500")
			r.do("g2# clear crypto isakmp")
			r.recover()
		}},
		{"ends that do not match have a pair", "what does not match stays down", func(r *run, o observer) {
			r.plan.tunnels[0].never, r.plan.mismatch = true, &mismatch{tunnel: r.plan.tunnels[0]}
			r.staysDown()
		}},
		{"ends that do not match pass a packet", "what does not match stays down", func(r *run, o observer) {
			r.plan.flows[0].never = true
			o.Arrived("g2", r.echo(echoRequest, 1), false)
		}},
		{"ends that do not match cannot say why", "what does not match is named", func(r *run, o observer) {
			r.plan.mismatch = &mismatch{tunnel: r.plan.tunnels[0], causes: []string{"psk-mismatch"}}
			r.mismatchIsNamed()
		}},
		{"a panic", "no panic", func(r *run, o observer) {
			r.world.After(0, func() { panic("x") })
			r.guarded(func() { r.pass(time.Second) })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := calm(t)
			test.breach(r, observer{r})
			got := ""
			if r.failure != nil {
				got = r.failure.Invariant
			}
			if got != test.want {
				t.Errorf("the breach found is %q, want %q: %v", got, test.want, r.failure)
			}
		})
	}
}

// What the running configuration allows is no breach: without a crypto map
// traffic is in clear.
func TestWithoutACryptoMapClearTextIsAllowed(t *testing.T) {
	r := calm(t)
	for _, line := range []string{"g1# configure terminal", "g1# interface " + outerInterface, "g1# no crypto map " + mapName, "g1# end"} {
		r.do(line)
	}
	observer{r}.Sent("g1", outerInterface, r.echo(echoRequest, 1))
	if r.failure != nil {
		t.Error(r.failure)
	}
}
