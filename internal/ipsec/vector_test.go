package ipsec

import (
	"net/netip"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// vectorParams are those of an inbound SA that receives a published packet.
func vectorParams(spi uint32, mode Mode, transform isakmp.ESPTransform, bits uint16, key []byte) SAParams {
	any4 := RangeOf(netip.MustParsePrefix("0.0.0.0/0"))
	return SAParams{
		SPI: spi, Direction: Inbound, Mode: mode, Transform: transform, KeyBits: bits,
		Local: netip.MustParseAddr("192.168.123.100"), Remote: netip.MustParseAddr("192.168.123.3"),
		EncKey: secret.New(key), Selector: Selector{LocalNet: any4, RemoteNet: any4}, ReplayWindow: ReplayOff,
	}
}

// TestRFC3602 has cases 5 to 8 of RFC 3602 section 4: whole ESP packets
// without integrity.
func TestRFC3602(t *testing.T) {
	cases := []struct {
		name           string
		spi            uint32
		mode           Mode
		key, esp, want string // want: payload in transport mode, packet in tunnel mode
	}{
		{"5", 0x4321, Transport, "90d382b410eeba7ad938c46cec1a82bf",
			"0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6",
			"08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"},
		{"6", 0x4321, Transport, "90d382b410eeba7ad938c46cec1a82bf",
			"000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109689bb379d2d750c0d915dca346a89f75",
			"0800b5e8a80a0500a69c083d0b660e00777777777777777777777777"},
		{"7", 0x8765, Tunnel, "0123456789abcdef0123456789abcdef",
			"0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a93013c1b0ea1a0cf70f8e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5c177f132ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d",
			"45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a2040008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"},
		{"8", 0x8765, Tunnel, "0123456789abcdef0123456789abcdef",
			"000087650000000585d47224b5f3dd5d2101d4ea8dffab2215b92683819596a8047232cc00f7048fe45318e11f8a0f62ede3c3fc61203bb50f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3d2726d9b5ef6affc6d17a0decbb13892",
			"45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := vectorParams(c.spi, c.mode, isakmp.ESPAES, 128, unhex(t, c.key))
			got, err := newSA(t, p).Open(nil, unhex(t, c.esp))
			if err != nil {
				t.Fatal(err)
			}
			if c.mode == Transport {
				if f, _ := ParseFlow(got); f.Src != p.Remote || f.Dst != p.Local || f.Protocol != 1 {
					t.Fatalf("flow %+v", f)
				}
				got = got[20:]
			}
			wantEqual(t, "payload", got, unhex(t, c.want))
			sealVector(t, p, unhex(t, c.esp), unhex(t, c.want))
		})
	}
}

// sealVector lets the outbound side make the same packet: sequence number
// and IV are forced to the vector's.
func sealVector(t *testing.T, p SAParams, esp, payload []byte) {
	p.Direction = Outbound
	sa := newSA(t, p)
	got := make([]byte, sa.espLen(len(payload)))
	copy(got, esp[:8])
	copy(got[sa.HeaderLen():], payload)
	next := uint8(1)
	if p.Mode == Tunnel {
		next = protoIPv4
	}
	putTrailer(got[sa.HeaderLen()+len(payload):], next)
	copy(got[8:], esp[8:24])
	if err := sa.start(); err != nil {
		t.Fatal(err)
	}
	sa.encrypt(got[8:])
	wantEqual(t, "sealed", got, esp)
}

// TestRFC4106 has the cases with 32-bit sequence numbers and an allowed SPI
// of draft-mcgrew-gcm-test-01, whose packets all say next header 1.
func TestRFC4106(t *testing.T) {
	cases := []struct {
		name                 string
		bits                 uint16
		key, aad, nonce      string
		plain, cipher, check string
	}{
		{"2", 128, "feffe9928665731c6d6a8f9467308308", "0000a5f80000000a", "cafebabefacedbaddecaf888",
			"4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d001000001000000000000037369700963796265726369747902646b00000100010001",
			"deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1",
			"83b70d3aa8bc6ee4c309e9d85a41ad4a"},
		{"3", 256, "abbccddef00112233445566778899aababbccddef00112233445566778899aab", "4a2cbfe300000002", "112233440102030405060708",
			"4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b40101040201020201",
			"ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99def842d8e",
			"b335f4eecfdbf831824b4c4915956c96"},
		{"7", 192, "feffe9928665731c6d6a8f9467308308feffe9928665731c", "0000a5f80000000a", "cafebabefacedbaddecaf888",
			"45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001",
			"a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc77",
			"95457b9652037f5318027b5b4cd7a636"},
		{"12", 128, "7d773d00c144c525ac619d18c84a3f47", "335467aeffffffff", "d966426743457e9182443bc6",
			"01020201", "437f866b", "cb3f699fe9b0822bac961c4504bef270"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			nonce, aad := unhex(t, c.nonce), unhex(t, c.aad)
			spi := uint32(aad[0])<<24 | uint32(aad[1])<<16 | uint32(aad[2])<<8 | uint32(aad[3])
			key := append(unhex(t, c.key), nonce[:4]...)
			sa := newSA(t, vectorParams(spi, Tunnel, isakmp.ESPAESGCM16, c.bits, key))
			esp := append(append(append(aad, nonce[4:]...), unhex(t, c.cipher)...), unhex(t, c.check)...)
			plain, drop := sa.decrypt(make([]byte, 0, len(esp)), esp)
			if drop != DropNone {
				t.Fatal(drop)
			}
			wantEqual(t, "plaintext", plain, unhex(t, c.plain))
			if _, next, drop := stripTrailer(plain); drop != DropNone || next != 1 {
				t.Fatalf("trailer: next header %d, %v", next, drop)
			}
		})
	}
}

// TestHMACTruncation pins what is authenticated and how much of it is sent:
// with NULL encryption the packet is readable, and the vectors are those of
// RFC 2202 and RFC 4231 run through the SA's own MAC.
func TestHMACTruncation(t *testing.T) {
	what := "what do ya want for nothing?"
	cases := map[string]struct {
		icvLen int
		want   string // of key "Jefe"
	}{
		"null-md5":    {12, "750c783e6ab0b503eaa86e310a5db738"},
		"null-sha1":   {12, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		"null-sha256": {16, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		"null-sha384": {24, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
		"null-sha512": {32, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := protectionNamed(t, name).outParams(0x1000)
			// HMAC pads keys with zeros to the block, so "Jefe" may stand in
			// the first octets of a key of the full length.
			long := make([]byte, len(p.AuthKey.Reveal()))
			copy(long, "Jefe")
			p.AuthKey = secret.New(long)
			sa := newSA(t, p)
			wantEqual(t, "ICV", icvOf(sa, []byte(what)), unhex(t, c.want)[:c.icvLen])

			esp := mustSeal(t, sa, ipv4Packet(61))
			wantEqual(t, "packet in NULL", esp[8:8+61], ipv4Packet(61))
			wantEqual(t, "ICV over all before it", append([]byte(nil), esp[len(esp)-c.icvLen:]...),
				append([]byte(nil), icvOf(sa, esp[:len(esp)-c.icvLen])...))
		})
	}
}

// icvOf is the truncated HMAC by an SA's key.
func icvOf(sa *SA, covered []byte) []byte {
	return new(scratch).hash(hashKindOf(sa.auth)).mac(nil, sa.macStates(), covered)[:sa.icvLen]
}
