package ipsec

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// counterReader is randomness that a test can repeat.
type counterReader byte

func (r *counterReader) Read(p []byte) (int, error) {
	for i := range p {
		*r++
		p[i] = byte(*r)
	}
	return len(p), nil
}

func newRandom() *counterReader { return new(counterReader) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// protection is one combination of transforms.
type protection struct {
	name           string
	transform      isakmp.ESPTransform
	bits           uint16
	auth           isakmp.AuthAlgorithm
	encLen, macLen int
}

// protections are all combinations that an SA can have.
func protections() []protection {
	ciphers := []protection{
		{name: "null", transform: isakmp.ESPNull},
		{name: "des", transform: isakmp.ESPDES, encLen: 8},
		{name: "3des", transform: isakmp.ESP3DES, encLen: 24},
		{name: "aes", transform: isakmp.ESPAES, encLen: 16},
		{name: "aes128", transform: isakmp.ESPAES, bits: 128, encLen: 16},
		{name: "aes192", transform: isakmp.ESPAES, bits: 192, encLen: 24},
		{name: "aes256", transform: isakmp.ESPAES, bits: 256, encLen: 32},
	}
	macs := []protection{
		{name: "none", auth: isakmp.AuthAlgNone},
		{name: "md5", auth: isakmp.AuthAlgHMACMD5, macLen: 16},
		{name: "sha1", auth: isakmp.AuthAlgHMACSHA1, macLen: 20},
		{name: "sha256", auth: isakmp.AuthAlgHMACSHA256, macLen: 32},
		{name: "sha384", auth: isakmp.AuthAlgHMACSHA384, macLen: 48},
		{name: "sha512", auth: isakmp.AuthAlgHMACSHA512, macLen: 64},
	}
	out := []protection{
		{name: "gcm128", transform: isakmp.ESPAESGCM16, bits: 128, encLen: 20},
		{name: "gcm192", transform: isakmp.ESPAESGCM16, bits: 192, encLen: 28},
		{name: "gcm256", transform: isakmp.ESPAESGCM16, bits: 256, encLen: 36},
	}
	for _, c := range ciphers {
		for _, m := range macs {
			if c.transform == isakmp.ESPNull && m.auth == isakmp.AuthAlgNone {
				continue
			}
			out = append(out, protection{c.name + "-" + m.name, c.transform, c.bits, m.auth, c.encLen, m.macLen})
		}
	}
	return out
}

func protectionNamed(t testing.TB, name string) protection {
	t.Helper()
	for _, p := range protections() {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("no protection %q", name)
	return protection{}
}

func key(n int, seed byte) secret.Secret {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i)*7
	}
	return secret.New(b)
}

var (
	hub   = netip.MustParseAddr("192.1.1.40")
	spoke = netip.MustParseAddr("192.1.1.42")

	hubNet   = RangeOf(netip.MustParsePrefix("192.168.2.0/24"))
	spokeNet = RangeOf(netip.MustParsePrefix("192.168.3.0/24"))
)

// outParams are those of an SA from the hub to the spoke.
func (p protection) outParams(spi uint32) SAParams {
	return SAParams{
		SPI: spi, Direction: Outbound, Local: hub, Remote: spoke,
		Transform: p.transform, KeyBits: p.bits, Auth: p.auth,
		EncKey: key(p.encLen, 1), AuthKey: key(p.macLen, 2),
		Selector: Selector{LocalNet: hubNet, RemoteNet: spokeNet},
	}
}

// mirror turns the sender's parameters into the receiver's.
func mirror(p SAParams) SAParams {
	p.Direction = Inbound
	p.Local, p.Remote = p.Remote, p.Local
	p.LocalPort, p.RemotePort = p.RemotePort, p.LocalPort
	s := p.Selector
	p.Selector = Selector{s.RemoteNet, s.LocalNet, s.Protocol, s.RemotePort, s.LocalPort}
	return p
}

func newSA(t testing.TB, p SAParams) *SA {
	t.Helper()
	sa, err := NewSA(p, newRandom())
	if err != nil {
		t.Fatal(err)
	}
	return sa
}

// pair makes the two ends of an SA.
func pair(t testing.TB, out SAParams) (sender, receiver *SA) {
	t.Helper()
	return newSA(t, out), newSA(t, mirror(out))
}

// ipv4Packet makes a packet of size octets, at least 28, from hub's net to
// spoke's with a UDP header.
func ipv4Packet(size int) []byte {
	return ipv4From("192.168.2.10", "192.168.3.10", 17, 4000, 53, size)
}

func ipv4From(src, dst string, proto uint8, sport, dport uint16, size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i)
	}
	p[0], p[1], p[6], p[7], p[8], p[9] = 0x45, 0, 0x40, 0, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(size))
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(p[12:], s[:])
	copy(p[16:], d[:])
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], ^fold(sum(0, p[:20])))
	if size >= 24 {
		binary.BigEndian.PutUint16(p[20:], sport)
		binary.BigEndian.PutUint16(p[22:], dport)
	}
	return p
}

func ipv6Packet(src, dst string, next uint8, body []byte) []byte {
	p := make([]byte, 40, 40+len(body))
	p[0], p[6], p[7] = 0x60, next, 64
	binary.BigEndian.PutUint16(p[4:], uint16(len(body)))
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	copy(p[8:], s[:])
	copy(p[24:], d[:])
	return append(p, body...)
}

func wantEqual(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s:\n got %x\nwant %x", what, got, want)
	}
}

func wantDrop(t testing.TB, err error, want Drop) {
	t.Helper()
	if err != error(want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func mustSeal(t testing.TB, sa *SA, packet []byte) []byte {
	t.Helper()
	esp, err := sa.Seal(nil, packet)
	if err != nil {
		t.Fatal(fmt.Errorf("seal: %w", err))
	}
	return esp
}
