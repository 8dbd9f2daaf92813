package ipsec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

func TestRoundTripAllSuites(t *testing.T) {
	for _, prot := range protections() {
		t.Run(prot.name, func(t *testing.T) {
			sender, receiver := pair(t, prot.outParams(0xabcdef01))
			sizes := []int{28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 59, 60, 61, 62, 63, 64, 65, 500, 1400, 1438, 9000, 65515}
			for i, size := range sizes {
				packet := ipv4Packet(size)
				esp := mustSeal(t, sender, packet)
				if got := sender.EncapsulatedLen(size) - 20; len(esp) != got {
					t.Fatalf("size %d: ESP of %d octets, EncapsulatedLen says %d", size, len(esp), got)
				}
				if spi, seq := binary.BigEndian.Uint32(esp), binary.BigEndian.Uint32(esp[4:]); spi != 0xabcdef01 || seq != uint32(i+1) {
					t.Fatalf("SPI %#x sequence %d", spi, seq)
				}
				got, err := receiver.Open([]byte("kept"), esp)
				if err != nil {
					t.Fatalf("size %d: %v", size, err)
				}
				wantEqual(t, "packet", got, append([]byte("kept"), packet...))
			}
			if c := receiver.Counters(); c.Packets != uint64(len(sizes)) || c.Drops.Errors() != 0 || c.Sequence != uint32(len(sizes)) {
				t.Errorf("counters %+v", c)
			}
			if s, r := sender.Counters(), receiver.Counters(); s.Bytes != r.Bytes || s.Bytes < 65515 {
				t.Errorf("bytes %d sent, %d received", s.Bytes, r.Bytes)
			}
		})
	}
}

func TestOpenInPlaceAndSealInPlace(t *testing.T) {
	for _, name := range []string{"gcm128", "aes128-sha1", "null-sha1", "3des-md5"} {
		sender, receiver := pair(t, protectionNamed(t, name).outParams(0x1000))
		packet := ipv4Packet(777)
		buf := make([]byte, 2000)
		at := sender.HeaderLen()
		copy(buf[at:], packet)
		esp, err := sender.Seal(buf[:0], buf[at:at+len(packet)])
		if err != nil || &esp[0] != &buf[0] {
			t.Fatalf("%s: sealed elsewhere, %v", name, err)
		}
		got, err := receiver.Open(esp[:receiver.HeaderLen()], esp)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if &got[0] != &buf[0] {
			t.Errorf("%s: opened elsewhere", name)
		}
		wantEqual(t, name, got[receiver.HeaderLen():], packet)
	}
}

func TestTamperingWithAnyOctetIsNoticed(t *testing.T) {
	for _, prot := range protections() {
		if prot.auth == isakmp.AuthAlgNone && prot.transform != isakmp.ESPAESGCM16 {
			continue
		}
		sender, receiver := pair(t, prot.outParams(0x1000))
		esp := mustSeal(t, sender, ipv4Packet(70))
		for i := range esp {
			bad := bytes.Clone(esp)
			bad[i] ^= 0x10
			want := DropAuthFailed
			if i < 4 {
				want = DropUnknownSPI
			}
			if got, err := receiver.Open(nil, bad); err != error(want) || len(got) != 0 {
				t.Fatalf("%s: octet %d changed: %v, %d octets", prot.name, i, err, len(got))
			}
		}
		if _, err := receiver.Open(nil, esp); err != nil {
			t.Fatalf("%s: forged packets moved the window: %v", prot.name, err)
		}
		if c := receiver.Counters(); c.Drops[DropAuthFailed] != uint64(len(esp)-4) || c.Packets != 1 {
			t.Errorf("%s: %d failures counted, %d packets", prot.name, c.Drops[DropAuthFailed], c.Packets)
		}
	}
}

func TestShortenedPackets(t *testing.T) {
	for _, name := range []string{"gcm256", "aes128-sha256", "3des-sha1", "null-sha512", "aes128-none"} {
		sender, receiver := pair(t, protectionNamed(t, name).outParams(0x1000))
		esp := mustSeal(t, sender, ipv4Packet(100))
		for n := range esp {
			if got, err := receiver.Open(nil, esp[:n]); err == nil {
				t.Fatalf("%s: %d of %d octets opened as %x", name, n, len(esp), got)
			}
		}
	}
}

func TestReplayIsDropped(t *testing.T) {
	sender, receiver := pair(t, protectionNamed(t, "gcm128").outParams(0x1000))
	var sent [][]byte
	for range 70 {
		sent = append(sent, mustSeal(t, sender, ipv4Packet(60)))
	}
	if _, err := receiver.Open(nil, sent[69]); err != nil {
		t.Fatal(err)
	}
	_, err := receiver.Open(nil, sent[69])
	wantDrop(t, err, DropReplayDuplicate)
	_, err = receiver.Open(nil, sent[5])
	wantDrop(t, err, DropReplayOld)
	if _, err := receiver.Open(nil, sent[6]); err != nil {
		t.Errorf("the last of 64 in the window: %v", err)
	}
}

func TestReplayWindowOff(t *testing.T) {
	p := protectionNamed(t, "aes128-sha1").outParams(0x1000)
	p.ReplayWindow = ReplayOff
	sender, receiver := pair(t, p)
	esp := mustSeal(t, sender, ipv4Packet(60))
	for range 3 {
		if _, err := receiver.Open(nil, esp); err != nil {
			t.Fatal(err)
		}
	}
	if got := receiver.Params().ReplayWindow; got != ReplayOff {
		t.Errorf("window %d", got)
	}
}

// TestNoReplayCheckWithoutIntegrity: RFC 4303 section 3.4.3 wants the service
// only with integrity, as a forged number would move the window.
func TestNoReplayCheckWithoutIntegrity(t *testing.T) {
	sender, receiver := pair(t, protectionNamed(t, "aes128-none").outParams(0x1000))
	esp := mustSeal(t, sender, ipv4Packet(60))
	for range 2 {
		if _, err := receiver.Open(nil, esp); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSequenceNumbersRunOut(t *testing.T) {
	sender, _ := pair(t, protectionNamed(t, "gcm128").outParams(0x1000))
	sender.seq.Store(SoftSequence - 2)
	mustSeal(t, sender, ipv4Packet(60))
	if sender.SoftLimitReached() {
		t.Error("soft limit too early")
	}
	mustSeal(t, sender, ipv4Packet(60))
	if !sender.SoftLimitReached() || sender.SoftLimitReached() {
		t.Error("the soft limit is not told once")
	}
	sender.seq.Store(math.MaxUint32 - 1)
	if esp := mustSeal(t, sender, ipv4Packet(60)); binary.BigEndian.Uint32(esp[4:]) != math.MaxUint32 {
		t.Errorf("sequence %x", esp[4:8])
	}
	for range 2 {
		_, err := sender.Seal(nil, ipv4Packet(60))
		wantDrop(t, err, DropSeqOverflow)
	}
}

func TestKilobyteLifetime(t *testing.T) {
	p := protectionNamed(t, "gcm128").outParams(0x1000)
	p.LifeKilobytes = 2560
	sender, receiver := pair(t, p)
	soft := -1
	for n := 0; ; n++ {
		esp, err := sender.Seal(nil, ipv4Packet(1024))
		if n == 2560 {
			wantDrop(t, err, DropLifetime)
			break
		}
		if err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
		if sender.SoftLimitReached() {
			soft = n + 1
		}
		if _, err := receiver.Open(nil, esp); err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
	}
	if soft != 2560/2 || !sender.UsedUp() || !receiver.UsedUp() {
		t.Errorf("soft limit after %d kilobytes; used up %v and %v", soft, sender.UsedUp(), receiver.UsedUp())
	}
	if left, limited := sender.RemainingBytes(sender.Counters().Bytes); left != 0 || !limited {
		t.Errorf("%d octets left, limited %v", left, limited)
	}
	_, other := pair(t, protectionNamed(t, "gcm128").outParams(0x1000))
	if _, limited := other.RemainingBytes(0); limited {
		t.Error("an SA without a limit has one")
	}
}

// forge seals a payload of the tester's own making.
func forge(t *testing.T, sa *SA, payload, trailer []byte) []byte {
	t.Helper()
	body := append(bytes.Clone(payload), trailer...)
	if len(body)%int(sa.align) != 0 {
		t.Fatalf("body of %d octets", len(body))
	}
	esp := make([]byte, sa.HeaderLen()+len(body)+int(sa.icvLen))
	binary.BigEndian.PutUint32(esp, sa.spi)
	seq := sa.seq.Add(1)
	binary.BigEndian.PutUint32(esp[4:], seq)
	copy(esp[sa.HeaderLen():], body)
	if err := sa.start(); err != nil {
		t.Fatal(err)
	}
	sa.protect(esp)
	return esp
}

func TestTrailerChecks(t *testing.T) {
	inner := ipv4Packet(30)
	cases := []struct {
		name    string
		payload []byte
		trailer []byte
		want    Drop
	}{
		{"good", inner, []byte{0, 4}, DropNone},
		{"good padding", ipv4Packet(28), []byte{1, 2, 2, 4}, DropNone},
		{"maximal padding", ipv4Packet(31), append(padding(255), 255, 4), DropNone},
		{"flow confidentiality", append(ipv4Packet(30), make([]byte, 100)...), []byte{0, 4}, DropNone},
		{"padding of zeros", ipv4Packet(28), []byte{0, 0, 2, 4}, DropBadPadding},
		{"pad length beyond the packet", inner, []byte{200, 4}, DropBadPadding},
		{"pad length by one beyond", nil, []byte{1, 2, 3, 4}, DropBadPadding},
		{"dummy", inner, []byte{0, 59}, DropDummy},
		{"IPv6 said, IPv4 there", inner, []byte{0, 41}, DropBadNextHeader},
		{"TCP in tunnel mode", inner, []byte{0, 6}, DropBadNextHeader},
		{"nothing inside", nil, []byte{1, 2, 2, 4}, DropTruncated},
		{"inner packet cut", ipv4Packet(50)[:30], []byte{0, 4}, DropTruncated},
		{"no IP version", make([]byte, 30), []byte{0, 4}, DropMalformed},
	}
	for _, c := range cases {
		for _, name := range []string{"gcm128", "null-sha1"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				sender, receiver := pair(t, protectionNamed(t, name).outParams(0x1000))
				got, err := receiver.Open(nil, forge(t, sender, c.payload, c.trailer))
				if c.want != DropNone {
					wantDrop(t, err, c.want)
					if receiver.Counters().Drops[c.want] != 1 {
						t.Error("the drop was not counted")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				wantEqual(t, "packet", got, c.payload[:binary.BigEndian.Uint16(c.payload[2:])])
			})
		}
	}
}

func padding(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

func TestIPv6InTunnel(t *testing.T) {
	p := protectionNamed(t, "gcm128").outParams(0x1000)
	p.Selector = Selector{LocalNet: RangeOf(netip.MustParsePrefix("2001:db8:2::/64")), RemoteNet: RangeOf(netip.MustParsePrefix("2001:db8:3::/64"))}
	sender, receiver := pair(t, p)
	packet := ipv6Packet("2001:db8:2::1", "2001:db8:3::1", 17, []byte("\x00\x35\x00\x36\x00\x09\x00\x00x"))
	got, err := receiver.Open(nil, mustSeal(t, sender, packet))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "packet", got, packet)
}

func TestWrongDirectionAndNoPacket(t *testing.T) {
	sender, receiver := pair(t, protectionNamed(t, "gcm128").outParams(0x1000))
	_, err := receiver.Seal(nil, ipv4Packet(60))
	wantDrop(t, err, DropWrongDirection)
	_, err = sender.Open(nil, mustSeal(t, sender, ipv4Packet(60)))
	wantDrop(t, err, DropWrongDirection)
	_, err = sender.Seal(nil, nil)
	wantDrop(t, err, DropTruncated)
	_, err = sender.Seal(nil, []byte{0x30})
	wantDrop(t, err, DropMalformed)
}

func TestCBCIVsDifferAndAreUnpredictable(t *testing.T) {
	for _, name := range []string{"aes128-sha1", "3des-md5", "des-md5"} {
		sender, _ := pair(t, protectionNamed(t, name).outParams(0x1000))
		seen := map[string]bool{}
		for range 1000 {
			esp := mustSeal(t, sender, ipv4Packet(60))
			seen[string(esp[8:sender.HeaderLen()])] = true
		}
		if len(seen) != 1000 {
			t.Errorf("%s: %d different IVs in 1000 packets", name, len(seen))
		}
		var other counterReader = 99
		sa, err := NewSA(protectionNamed(t, name).outParams(0x1000), &other)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(mustSeal(t, sa, ipv4Packet(60))[8:sa.HeaderLen()])] {
			t.Errorf("%s: the IVs do not depend on the random source", name)
		}
	}
}

func TestGCMIVsNeverRepeat(t *testing.T) {
	sender, _ := pair(t, protectionNamed(t, "gcm128").outParams(0x1000))
	for want := uint64(1); want < 100; want++ {
		if got := binary.BigEndian.Uint64(mustSeal(t, sender, ipv4Packet(60))[8:]); got != want {
			t.Fatalf("IV %d, want %d", got, want)
		}
	}
}

func TestParametersThatCannotBe(t *testing.T) {
	cases := []struct {
		field  string
		change func(*SAParams)
	}{
		{"SPI", func(p *SAParams) { p.SPI = 255 }},
		{"Local, Remote", func(p *SAParams) { p.Remote = netip.Addr{} }},
		{"Local, Remote", func(p *SAParams) { p.Remote = netip.MustParseAddr("2001:db8::1") }},
		{"Direction", func(p *SAParams) { p.Direction = 2 }},
		{"Mode", func(p *SAParams) { p.Mode = 2 }},
		{"LocalPort, RemotePort", func(p *SAParams) { p.UDPEncap = true }},
		{"Selector", func(p *SAParams) { p.Selector = Selector{} }},
		{"ReplayWindow", func(p *SAParams) { p.ReplayWindow = 63 }},
		{"ReplayWindow", func(p *SAParams) { p.ReplayWindow = 1025 }},
		{"Transform", func(p *SAParams) { p.Transform = isakmp.ESPIDEA }},
		{"KeyBits", func(p *SAParams) { p.KeyBits = 129 }},
		{"EncKey", func(p *SAParams) { p.EncKey = secret.New(make([]byte, 15)) }},
		{"Auth", func(p *SAParams) { p.Auth = isakmp.AuthAlgDESMAC }},
		{"AuthKey", func(p *SAParams) { p.AuthKey = secret.New(make([]byte, 19)) }},
		{"AuthKey", func(p *SAParams) { p.Auth = isakmp.AuthAlgNone }},
		{"Auth", func(p *SAParams) {
			p.Transform, p.EncKey, p.Auth, p.AuthKey = isakmp.ESPNull, secret.Secret{}, 0, secret.Secret{}
		}},
		{"Auth", func(p *SAParams) { p.Transform, p.EncKey = isakmp.ESPAESGCM16, key(20, 1) }},
		{"EncKey", func(p *SAParams) { p.Transform = isakmp.ESPAESGCM16 }},
		{"EncKey", func(p *SAParams) { p.Transform = isakmp.ESPNull }},
	}
	for _, c := range cases {
		p := protectionNamed(t, "aes128-sha1").outParams(0x1000)
		c.change(&p)
		_, err := NewSA(p, newRandom())
		var param *ParamError
		if !errors.As(err, &param) || param.Field != c.field {
			t.Errorf("%s: got %v", c.field, err)
		}
	}
}

type noRandom struct{}

func (noRandom) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestNoRandomnessIsAnError(t *testing.T) {
	if _, err := NewSA(protectionNamed(t, "aes128-sha1").outParams(0x1000), noRandom{}); err == nil {
		t.Error("a CBC SA without a key for its IVs")
	}
	if _, err := NewSA(protectionNamed(t, "gcm128").outParams(0x1000), noRandom{}); err != nil {
		t.Errorf("GCM needs no randomness: %v", err)
	}
}

func TestParamsKeepNoKeys(t *testing.T) {
	sa := newSA(t, protectionNamed(t, "aes128-sha1").outParams(0x1000))
	if p := sa.Params(); !p.EncKey.IsZero() || !p.AuthKey.IsZero() {
		t.Error("an SA shows its keys")
	}
}

// TestPlaintextMTU has the value that `show crypto ipsec sa` prints for
// esp-aes esp-sha-hmac on a path of 1500, and the bound as such for all.
func TestPlaintextMTU(t *testing.T) {
	if got := newSA(t, protectionNamed(t, "aes128-sha1").outParams(0x1000)).PlaintextMTU(1500); got != 1438 {
		t.Errorf("plaintext mtu %d, IOS has 1438", got)
	}
	for _, prot := range protections() {
		for _, udp := range []bool{false, true} {
			for _, mode := range []Mode{Tunnel, Transport} {
				p := prot.outParams(0x1000)
				p.Mode, p.UDPEncap, p.LocalPort, p.RemotePort = mode, udp, 4500, 4500
				sa := newSA(t, p)
				for _, path := range []int{576, 1280, 1492, 1500, 9000} {
					n := sa.PlaintextMTU(path)
					if sa.EncapsulatedLen(n) > path || sa.EncapsulatedLen(n+1) <= path {
						t.Fatalf("%s %v udp %v: %d octets become %d, one more %d, on a path of %d",
							prot.name, mode, udp, n, sa.EncapsulatedLen(n), sa.EncapsulatedLen(n+1), path)
					}
				}
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, prot := range protections() {
		p := prot.outParams(0x1000)
		p.ReplayWindow = ReplayOff
		sender, receiver := pair(t, p)
		packet := ipv4Packet(1400)
		buf, out := make([]byte, 0, 2000), make([]byte, 0, 2000)
		var esp []byte
		if n := testing.AllocsPerRun(20, func() { esp, _ = sender.Seal(buf, packet) }); n != 0 {
			t.Errorf("%s: Seal allocates %v times", prot.name, n)
		}
		var err error
		if n := testing.AllocsPerRun(20, func() { _, err = receiver.Open(out, esp) }); n != 0 || err != nil {
			t.Errorf("%s: Open allocates %v times, %v", prot.name, n, err)
		}
		bad := bytes.Clone(esp)
		bad[len(bad)-1] ^= 1
		if n := testing.AllocsPerRun(20, func() { _, err = receiver.Open(out, bad) }); n != 0 {
			t.Errorf("%s: Open of a forged packet allocates %v times, %v", prot.name, n, err)
		}
	}
}

// TestOneSAFromManyGoroutines is for the race detector and for the sequence
// numbers, none of which may be used twice.
func TestOneSAFromManyGoroutines(t *testing.T) {
	p := protectionNamed(t, "aes128-sha1").outParams(0x1000)
	p.ReplayWindow = MaxReplayWindow
	sender, receiver := pair(t, p)
	packet := ipv4Packet(200)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				esp, err := sender.Seal(nil, packet)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := receiver.Open(nil, esp); err != nil || !bytes.Equal(got, packet) {
					t.Errorf("%v, %d octets", err, len(got))
					return
				}
				sender.Counters()
				receiver.Counters()
			}
		})
	}
	wg.Wait()
	if c := receiver.Counters(); c.Packets != 400 || c.Bytes != 400*200 || c.Drops.Errors() != 0 {
		t.Errorf("counters %+v", c)
	}
}

func TestDropNames(t *testing.T) {
	seen := map[string]bool{}
	for d := range Drop(DropCount) {
		name := d.String()
		if name == "" || seen[name] || !strings.HasSuffix(d.Error(), name) {
			t.Errorf("drop %d is called %q", d, name)
		}
		seen[name] = true
	}
	if Drop(200).String() != "unknown" {
		t.Error("a drop outside the list has a name")
	}
}
