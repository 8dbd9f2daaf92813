package ike

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// at runs a tunnel in which f is called just before datagram n is delivered.
func at(t testing.TB, n int, change func(hub, spoke *Config), f func(p *pair, d Datagram)) *pair {
	p := newPair(t, change)
	p.lose = func(i int, d Datagram) bool {
		if i == n {
			f(p, copied(d))
		}
		return false
	}
	p.connect()
	return p
}

// hand gives a datagram's receiver other octets in its place, as from the same
// sender.
func (p *pair) hand(d Datagram, data []byte) {
	data = slices.Clone(data)
	p.do(p.sideAt(d.Remote.Addr()), func(e *Engine, fx *Effects) { e.Datagram(p.now, d.Remote, d.Local, data, fx) })
}

// setLength writes a datagram's length into its header.
func setLength(data []byte) []byte {
	if len(data) >= isakmp.HeaderLen {
		binary.BigEndian.PutUint32(data[24:], uint32(len(data)))
	}
	return data
}

// Truncated datagrams, with the true length in the header or the original one,
// hinder no tunnel at whichever of its messages they come.
func TestTruncatedDatagrams(t *testing.T) {
	for n := 1; n <= tunnelDatagrams; n++ {
		p := at(t, n, withPFS, func(p *pair, d Datagram) {
			to := p.sideAt(d.Remote.Addr())
			for cut := range len(d.Data) {
				if n == 5 || n == 6 {
					if cut >= isakmp.HeaderLen+48 {
						break // only the notify or the padding is cut, which no hash covers
					}
				}
				drops := to.dropsAll()
				p.hand(d, d.Data[:cut])
				p.hand(d, setLength(slices.Clone(d.Data[:cut])))
				if got := to.dropsAll() - drops; got != 2 {
					t.Fatalf("message %d cut to %d octets: %d drops, want 2", n, cut, got)
				}
			}
		})
		p.checkUp()
	}
}

func TestOversizedDatagrams(t *testing.T) {
	for n := 1; n <= tunnelDatagrams; n++ {
		p := at(t, n, nil, func(p *pair, d Datagram) {
			p.hand(d, setLength(append(slices.Clone(d.Data), make([]byte, maxDatagram)...)))
			p.hand(d, append(slices.Clone(d.Data), 0))
			p.hand(d, setLength(append(slices.Clone(d.Data), 0)))
			p.hand(d, make([]byte, 65507))
		})
		p.checkUp()
		if got := p.hub.engine.Statistics().Dropped[trace.DropTooLarge] + p.spoke.engine.Statistics().Dropped[trace.DropTooLarge]; got != 2 {
			t.Errorf("message %d: %d are too large, want 2", n, got)
		}
	}
}

// A wrong cookie names no SA: no answer, no exponentiation, nothing kept.
func TestWrongCookies(t *testing.T) {
	for n := 2; n <= tunnelDatagrams; n++ {
		p := at(t, n, withPFS, func(p *pair, d Datagram) {
			to := p.sideAt(d.Remote.Addr())
			for octet := range 16 {
				if n == 2 && octet >= 8 {
					break // the responder's cookie is news in message 2
				}
				before, stats := to.engine.fingerprint(), to.engine.Statistics()
				data := slices.Clone(d.Data)
				data[octet] ^= 1
				p.hand(d, data)
				after := to.engine.Statistics()
				if to.engine.fingerprint() != before || after.Exponentiation != stats.Exponentiation || after.DatagramsOut != stats.DatagramsOut {
					t.Fatalf("message %d with octet %d of the cookies bent is used", n, octet)
				}
				if after.Dropped[trace.DropNoSA] != stats.Dropped[trace.DropNoSA]+1 {
					t.Fatalf("message %d with octet %d of the cookies bent is not counted", n, octet)
				}
			}
		})
		p.checkUp()
	}
}

// Everything that was ever on the wire comes again, in every state, at both
// ends and from either: the tunnel comes up, and once up stays as it is.
func TestReplayOfEverything(t *testing.T) {
	all := capture(t)
	for n := 1; n <= tunnelDatagrams+1; n++ {
		var seen []Datagram
		p := newPair(t, withPFS)
		replay := func() {
			for _, d := range append(slices.Clone(seen), all...) {
				p.hand(d, d.Data)
				d.Local, d.Remote = d.Remote, d.Local
				p.hand(d, d.Data)
			}
		}
		p.lose = func(i int, d Datagram) bool {
			if i == n {
				replay()
				p.wire = p.wire[:0] // answers to replays are lost
			}
			seen = append(seen, copied(d))
			return false
		}
		p.connect()
		p.advance(upAfter)
		if n > tunnelDatagrams {
			replay()
		}
		p.lose = nil
		p.advance(10 * time.Minute)
		p.checkWorking()
		if len(p.hub.engine.IPsecSAs()) != 1 || len(p.spoke.engine.IPsecSAs()) != 1 {
			t.Errorf("message %d: replays make SAs", n)
		}
	}
}

// firstMessage is a message 1 with its own cookie.
func firstMessage(t testing.TB, number int) []byte {
	p := newPair(t, nil)
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	data := slices.Clone(p.wire[0].Data)
	binary.BigEndian.PutUint64(data, uint64(number)+1)
	return data
}

// Spoofed first messages cost a bounded table, at most one datagram each, and
// no exponentiation; SAs that are up stay, and new peers still get in.
func TestFloodOfFirstMessages(t *testing.T) {
	const bound, flood = 256, 10000
	p := newPair(t, func(hub, _ *Config) { hub.MaxHalfOpen = bound; hub.Keys = fixedKeys("mekmitasdigoat") })
	p.connect()
	p.checkUp()
	p.hub.engine.cfg.Events = nil
	before := p.hub.engine.Statistics()
	data := firstMessage(t, 0)
	for i := range flood {
		binary.BigEndian.PutUint64(data, uint64(i)+1)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 500)
		var fx Effects
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), from, slices.Clone(data), &fx)
		if len(fx.Send) > 1 {
			t.Fatalf("%d datagrams answer one first message", len(fx.Send))
		}
		if n := p.hub.engine.halfOpen.count; n > bound {
			t.Fatalf("%d half-open SAs, want %d at most", n, bound)
		}
		p.now = p.now.Add(time.Millisecond)
	}
	e := p.hub.engine
	stats := e.Statistics()
	if stats.Exponentiation != before.Exponentiation {
		t.Errorf("%d exponentiations for spoofed first messages", stats.Exponentiation-before.Exponentiation)
	}
	if n := stats.Floods; n.Stubs != flood-bound/4 || n.ByPrefix+n.ByRate+n.Returned != 0 {
		t.Errorf("%+v, want %d stubs", n, flood-bound/4)
	}
	if n := len(e.byCookies) + len(e.byInitial); n > 2*(bound+1) {
		t.Errorf("%d entries for %d half-open SAs", n, bound)
	}
	if n := len(e.halfOpen.queue); n > 2*bound+64 {
		t.Errorf("%d places in the queue of %d half-open SAs", n, bound)
	}
	p.checkUp()
	p.advance(5 * time.Minute)
	if n := len(e.sorted()); n != 1 {
		t.Errorf("%d SAs are left, want the one that is up", n)
	}
}

// A refusal is one datagram too, and its record goes with the others.
func TestFloodOfOffersThatAreRefused(t *testing.T) {
	const bound, answered = 64, 64/4 + perKnownPeer
	p := newPair(t, func(hub, _ *Config) { hub.MaxHalfOpen = bound; hub.Policies[0].Hash = isakmp.HashMD5 })
	data := firstMessage(t, 0)
	for i := range 1000 {
		binary.BigEndian.PutUint64(data, uint64(i)+1)
		var fx Effects
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500), slices.Clone(data), &fx)
		if i < answered && len(fx.Send) != 1 || i >= answered && len(fx.Send) != 0 || len(fx.Send) == 1 && len(fx.Send[0].Data) > len(data) {
			t.Fatalf("%d datagrams answer number %d of one second", len(fx.Send), i)
		}
	}
	if n := len(p.hub.engine.byCookies); n > bound {
		t.Errorf("%d records of refused peers, want %d at most", n, bound)
	}
	p.advance(5 * time.Minute)
	p.hub.engine.checkQuiet(t)
}

// Before message 3 comes from the address of message 1 with our cookie there is
// no exponentiation, whatever else comes.
func TestNoExponentiationBeforeMessage3(t *testing.T) {
	p := at(t, 3, nil, func(p *pair, d Datagram) {
		data := slices.Clone(d.Data)
		data[8] ^= 1 // another responder cookie
		p.hand(d, data)
		for _, from := range []string{"192.1.1.43:500", "192.1.1.42:501"} {
			p.do(p.hub, func(e *Engine, fx *Effects) {
				e.Datagram(p.now, d.Remote, netip.MustParseAddrPort(from), slices.Clone(d.Data), fx)
			})
		}
		if n := p.hub.engine.Statistics().Exponentiation; n != 0 {
			t.Errorf("%d exponentiations before message 3", n)
		}
	})
	p.checkUp()
	if n := p.hub.engine.Statistics().Exponentiation; n != 1 {
		t.Errorf("%d exponentiations of the hub's, want 1", n)
	}
}

// replaced is a clear message whose payloads of type t have another body.
func replaced(t testing.TB, data []byte, kind isakmp.PayloadType, body []byte) []byte {
	t.Helper()
	h, err := isakmp.ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	payloads, _, err := isakmp.ParsePayloads(h.NextPayload, data[isakmp.HeaderLen:], false, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := isakmp.NewBuilder(nil, h)
	for _, p := range payloads {
		if p.Type == kind {
			p.Body = body
		}
		b.Add(p.Type, p.Body)
	}
	return b.Bytes(1)
}

// Public values that give a known secret, and nonces of a wrong length, are
// refused by either side before anything is computed, and the true message is
// still understood.
func TestBadPublicValuesAndNonces(t *testing.T) {
	size := keymat.PublicLen(isakmp.GroupMODP768)
	number := func(low byte) []byte { return append(make([]byte, size-1), low) }
	minusOne := slices.Clone(modp768)
	minusOne[len(minusOne)-1]--
	for _, n := range []int{3, 4} {
		p := at(t, n, nil, func(p *pair, d Datagram) {
			to := p.sideAt(d.Remote.Addr())
			before, stats := to.engine.fingerprint(), to.engine.Statistics()
			values := [][]byte{number(0), number(1), minusOne, modp768, slices.Repeat([]byte{0xff}, size), {}, {2}, make([]byte, size-1), make([]byte, size+1)}
			for _, v := range values {
				p.hand(d, replaced(t, d.Data, isakmp.PayloadKE, v))
			}
			nonces := [][]byte{{}, make([]byte, 7), make([]byte, 257), make([]byte, 1000)}
			for _, v := range nonces {
				p.hand(d, replaced(t, d.Data, isakmp.PayloadNonce, v))
			}
			after := to.engine.Statistics()
			if got := after.Dropped[trace.DropPublicValue] - stats.Dropped[trace.DropPublicValue]; got != uint64(len(values)) {
				t.Errorf("message %d: %d bad public values are counted, want %d", n, got, len(values))
			}
			if got := after.Dropped[trace.DropNonce] - stats.Dropped[trace.DropNonce]; got != uint64(len(nonces)) {
				t.Errorf("message %d: %d bad nonces are counted, want %d", n, got, len(nonces))
			}
			if after.Exponentiation != stats.Exponentiation {
				t.Errorf("message %d: a bad value costs an exponentiation", n)
			}
			// A message 3 has shown that its peer is there: it is no longer half-open.
			if got := to.engine.fingerprint(); n == 4 && got != before {
				t.Errorf("message %d: changes\n%s\nto\n%s", n, before, got)
			}
		})
		p.checkUp()
	}
	// Lengths within RFC 2409's bounds are taken, though no tunnel comes of a
	// nonce that its sender did not send.
	for _, length := range []int{8, 256} {
		at(t, 3, nil, func(p *pair, d Datagram) {
			p.hand(d, replaced(t, d.Data, isakmp.PayloadNonce, make([]byte, length)))
			if got := p.hub.newest().state; got != trace.StateRMM4 {
				t.Errorf("a nonce of %d octets leads to %s", length, got)
			}
		})
	}
}

// modp768 is the prime of group 1 (RFC 2409 section 6.1).
var modp768 = mustHex("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74" +
	"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff")

func mustHex(s string) []byte {
	b := make([]byte, len(s)/2)
	if _, err := fmt.Sscanf(s, "%x", &b); err != nil {
		panic(err)
	}
	return b
}

// A message 1 with as many transforms as fit costs bounded work, and leaves
// nothing behind if there are too many.
func TestThousandsOfTransforms(t *testing.T) {
	p := newPair(t, nil)
	many := func(proposals, transforms int) []byte {
		return rebuilt(t, firstMessage(t, proposals*1000+transforms), func(sa *isakmp.SA) {
			one := sa.Proposals[0]
			one.Transforms = nil
			for i := range transforms {
				one.Transforms = append(one.Transforms, isakmp.Transform{Number: uint8(i), ID: isakmp.TransformKeyIKE})
			}
			sa.Proposals = nil
			for i := range proposals {
				one.Number = uint8(i)
				sa.Proposals = append(sa.Proposals, one)
			}
		})
	}
	local, remote := netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500)
	for _, c := range []struct{ proposals, transforms, compared int }{{1, 255, 255}, {2, 255, 510}, {3, 255, 0}, {65, 1, 0}, {64, 20, 0}} {
		p.hub.events.list = nil
		p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, local, remote, many(c.proposals, c.transforms), fx) })
		compared := 0
		for _, r := range p.hub.events.list {
			if r.Event.Code() == trace.CodeIKETransformOffered {
				compared++
			}
		}
		if compared != 2*c.compared { // with the hub's policy and the built-in one
			t.Errorf("%d proposals of %d transforms: %d comparisons, want %d", c.proposals, c.transforms, compared, 2*c.compared)
		}
	}
	p.advance(2 * purgeDelay)
	p.hub.engine.checkQuiet(t)
}

// A forged message 2 that is refused costs nothing: the true one is awaited.
func TestForgedMessage2IsHarmless(t *testing.T) {
	p := at(t, 2, nil, func(p *pair, d Datagram) {
		for _, bend := range []func(sa *isakmp.SA){
			func(sa *isakmp.SA) {
				sa.Proposals[0].Transforms[0].Attributes[0] = isakmp.BasicAttribute(isakmp.AttrEncryption, 1)
			},
			func(sa *isakmp.SA) { sa.Proposals[0].Transforms[0].Attributes = nil },
			func(sa *isakmp.SA) { sa.Proposals = append(sa.Proposals, sa.Proposals[0]) },
			func(sa *isakmp.SA) {
				sa.Proposals[0].Protocol = isakmp.ProtocolESP
				sa.Proposals[0].SPI = []byte{1, 2, 3, 4}
			},
		} {
			data := rebuilt(t, d.Data, bend)
			data[8] ^= 0xff
			p.hand(d, data)
			if got := p.spoke.newest().state; got != trace.StateIMM1 {
				t.Errorf("a forged message 2 leads to %s", got)
			}
		}
	})
	p.checkUp()
}

// The vendor IDs of a forged message 2 that was refused do not count.
func TestForgedVendorIDsDoNotStay(t *testing.T) {
	p := at(t, 2, func(hub, spoke *Config) {
		hub.NATT = []trace.NATTVersion{trace.NATTDraft03}
		spoke.NATT = []trace.NATTVersion{trace.NATTRFC3947, trace.NATTDraft03}
	}, func(p *pair, d Datagram) {
		refused := rebuilt(t, d.Data, func(sa *isakmp.SA) { sa.Proposals[0].Transforms[0].Attributes = nil })
		p.hand(d, replaced(t, refused, isakmp.PayloadVendorID, []byte(isakmp.VIDRFC3947)))
	})
	p.checkUp()
	if h, s := p.hub.newest().natt, p.spoke.newest().natt; h != trace.NATTDraft03 || s != h {
		t.Errorf("hub %v, spoke %v, want draft 03", h, s)
	}
}
