package radius

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

var key = secret.FromString("xyzzy5461")

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 2865 section 7: a user by password and by CHAP.
const (
	rfcRequest = "01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d 93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03"
	rfcAccept  = "02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03"
	rfcCHAP    = "01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 16 e9 75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14 06 06 00 00 00 02 07 06 00 00 00 01"
)

func TestRFC2865Examples(t *testing.T) {
	request, err := Parse(octets(t, rfcRequest))
	if err != nil {
		t.Fatal(err)
	}
	if !request.Given(key, "arctangent") || request.Given(key, "arctangenT") || request.Given(secret.FromString("other"), "arctangent") {
		t.Error("the password is not read as the RFC hides it")
	}
	if p, err := Reply(octets(t, rfcAccept), request, key, true); err != nil || p.Code != AccessAccept || p.Addr(14) != netip.MustParseAddr("192.168.1.3") {
		t.Errorf("the accept of the RFC: %v, %v", p, err)
	}
	if _, err := Reply(octets(t, rfcAccept), request, key, false); err != Error(trace.RADIUSUnsigned) {
		t.Errorf("an accept without Message-Authenticator: %v", err)
	}
	chap, err := Parse(octets(t, rfcCHAP))
	if err != nil {
		t.Fatal(err)
	}
	if !chap.Given(key, "arctangent") || chap.Given(key, "arctangen") {
		t.Error("the CHAP-Password is not the RFC's")
	}
}

func newRequest(t testing.TB, c Credentials) (*Packet, []byte) {
	t.Helper()
	p := &Packet{Code: AccessRequest, Identifier: 7}
	p.AddText(UserName, "alice")
	p.AddAddr(NASIPAddress, netip.MustParseAddr("192.0.2.1"))
	b, err := p.Request(key, c, bytes.NewReader(bytes.Repeat([]byte{0xA5}, authenticatorLength)))
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

func TestRequestIsSignedFirst(t *testing.T) {
	for _, chap := range []bool{false, true} {
		_, b := newRequest(t, Credentials{Password: secret.FromString("wonderland"), CHAP: chap})
		p, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if p.Attributes[0].Type != MessageAuthenticator || len(b) != 20+18+7+6+map[bool]int{false: 18, true: 19 + 18}[chap] {
			t.Errorf("CHAP %v: %d octets, the first attribute is %s", chap, len(b), p.Attributes[0].Type)
		}
		over := bytes.Clone(b)
		clear(over[22:38])
		if !bytes.Equal(messageAuthenticator(over, key), b[22:38]) {
			t.Errorf("CHAP %v: the Message-Authenticator is wrong", chap)
		}
		if !p.Given(key, "wonderland") || p.Given(key, "wonderlan") || bytes.Contains(b, []byte("wonderland")) {
			t.Errorf("CHAP %v: the password is not in it, or in clear", chap)
		}
	}
}

func TestPasswordsOfEachLength(t *testing.T) {
	for n := range 131 {
		clear := strings.Repeat("p", n)
		p := &Packet{Code: AccessRequest}
		b, err := p.Request(key, Credentials{Password: secret.FromString(clear)}, bytes.NewReader(make([]byte, 16)))
		if (err != nil) != (n > maxPassword) {
			t.Fatalf("%d: %v", n, err)
		}
		if err != nil {
			continue
		}
		q, _ := Parse(b)
		if v, _ := q.First(UserPassword); len(v)%16 != 0 || len(v) == 0 || !q.Given(key, clear) {
			t.Errorf("a password of %d octets takes %d", n, len(v))
		}
	}
}

// replies are answers to a request, each with one thing wrong.
func TestReplies(t *testing.T) {
	request, _ := newRequest(t, Credentials{Password: secret.FromString("x")})
	accept := func(change func(p *Packet)) []byte {
		p := &Packet{Code: AccessAccept}
		p.AddAddr(FramedIPAddress, netip.MustParseAddr("10.55.0.77"))
		if change != nil {
			change(p)
		}
		return p.Answer(request, key, true)
	}
	altered := func(at int) []byte {
		b := accept(nil)
		b[at] ^= 1
		return b
	}
	// forged has a right Response Authenticator, as who breaks MD5 can make one
	// (CVE-2024-3596), over a wrong Message-Authenticator.
	forged := func() []byte {
		p := &Packet{Code: AccessAccept}
		p.Add(MessageAuthenticator, make([]byte, 16))
		return p.Answer(request, key, false)
	}
	other := *request
	other.Authenticator[3] ^= 1
	for name, c := range map[string]struct {
		reply    []byte
		unsigned bool
		want     trace.RADIUSProblem
	}{
		"in order":                      {accept(nil), false, trace.RADIUSNoProblem},
		"with padding":                  {append(accept(nil), 0, 0, 0), false, trace.RADIUSNoProblem},
		"a reject":                      {(&Packet{Code: AccessReject}).Answer(request, key, true), false, trace.RADIUSNoProblem},
		"a challenge":                   {(&Packet{Code: AccessChallenge}).Answer(request, key, true), false, trace.RADIUSNoProblem},
		"nothing":                       {nil, false, trace.RADIUSTooShort},
		"a header's part":               {accept(nil)[:19], false, trace.RADIUSTooShort},
		"truncated":                     {accept(nil)[:30], false, trace.RADIUSBadLength},
		"a length below a header":       {append([]byte{2, 7, 0, 19}, make([]byte, 16)...), false, trace.RADIUSBadLength},
		"a length above the largest":    {append([]byte{2, 7, 0x10, 1}, make([]byte, 4100)...), false, trace.RADIUSBadLength},
		"an attribute beyond the end":   {append([]byte{2, 7, 0, 22}, append(make([]byte, 16), 8, 6)...), false, trace.RADIUSBadAttribute},
		"an attribute of one octet":     {append([]byte{2, 7, 0, 21}, append(make([]byte, 16), 8)...), false, trace.RADIUSBadAttribute},
		"an attribute of length 0":      {append([]byte{2, 7, 0, 22}, append(make([]byte, 16), 8, 0)...), false, trace.RADIUSBadAttribute},
		"another identifier":            {altered(1), false, trace.RADIUSNoRequest},
		"another code":                  {accept(func(p *Packet) { p.Code = AccountingResponse }), false, trace.RADIUSBadCode},
		"a request":                     {accept(func(p *Packet) { p.Code = AccessRequest }), false, trace.RADIUSBadCode},
		"changed on the way":            {altered(43), false, trace.RADIUSBadAuthenticator},
		"another authenticator":         {altered(4), false, trace.RADIUSBadAuthenticator},
		"the answer to another request": {(&Packet{Code: AccessAccept}).Answer(&other, key, true), false, trace.RADIUSBadAuthenticator},
		"another key":                   {(&Packet{Code: AccessAccept}).Answer(request, secret.FromString("other"), true), false, trace.RADIUSBadAuthenticator},
		"unsigned":                      {(&Packet{Code: AccessAccept}).Answer(request, key, false), false, trace.RADIUSUnsigned},
		"unsigned, as it may be":        {(&Packet{Code: AccessAccept}).Answer(request, key, false), true, trace.RADIUSNoProblem},
		"signed wrongly":                {forged(), false, trace.RADIUSBadMessageAuthenticator},
		"signed wrongly, may be not":    {forged(), true, trace.RADIUSBadMessageAuthenticator},
		"signed twice":                  {accept(func(p *Packet) { p.Add(MessageAuthenticator, make([]byte, 16)) }), false, trace.RADIUSBadMessageAuthenticator},
		"signed too shortly":            {accept(func(p *Packet) { p.Add(MessageAuthenticator, make([]byte, 15)) }), false, trace.RADIUSBadMessageAuthenticator},
	} {
		p, err := Reply(c.reply, request, key, c.unsigned)
		if c.want == trace.RADIUSNoProblem {
			if err != nil || p == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, Error(c.want)) {
			t.Errorf("%s: %v, want %v", name, err, Error(c.want))
		}
	}
}

func TestAccounting(t *testing.T) {
	p := &Packet{Code: AccountingRequest, Identifier: 9}
	p.AddUint(AcctStatusType, 1)
	b, err := p.Accounting(key)
	if err != nil {
		t.Fatal(err)
	}
	zeroed := bytes.Clone(b)
	clear(zeroed[4:20])
	if got := md5Of(zeroed, key); !bytes.Equal(got, b[4:20]) {
		t.Error("the Request Authenticator is not that of RFC 2866 section 3")
	}
	if _, err := Reply((&Packet{Code: AccountingResponse}).Answer(p, key, false), p, key, false); err != nil {
		t.Errorf("an answer: %v", err)
	}
	if _, err := Reply((&Packet{Code: AccessAccept}).Answer(p, key, true), p, key, false); err != Error(trace.RADIUSBadCode) {
		t.Errorf("an accept: %v", err)
	}
}

func md5Of(b []byte, key secret.Secret) []byte {
	p := &Packet{Code: Code(b[0]), Identifier: b[1]}
	q, _ := Parse(b)
	p.Attributes = q.Attributes
	again, _ := p.Accounting(key)
	return again[4:20]
}

func TestCiscoPairs(t *testing.T) {
	var p Packet
	p.AddCisco("ipsec:addr-pool=VPNPOOL")
	p.AddCisco("ipsec:key-exchange=ike")
	p.Add(VendorSpecific, []byte{0, 0, 0, 10, 1, 5, 'a', '=', 'b'})                   // another vendor
	p.Add(VendorSpecific, []byte{0, 0, 0, 9, 2, 3, 'x', 1, 5, 'c', '=', 'd', 1, 200}) // another number, a pair, a broken one
	p.Add(VendorSpecific, []byte{0, 0, 0})
	if got, want := p.Cisco(), []string{"ipsec:addr-pool=VPNPOOL", "ipsec:key-exchange=ike", "c=d"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A packet that is shown has no password in it.
func TestTunnelSecrets(t *testing.T) {
	request, _ := newRequest(t, Credentials{})
	key := secret.FromString("shared")
	for _, n := range []int{0, 1, 14, 15, 16, 30, 31, 32, 128} {
		want := secret.FromString(strings.Repeat("k", n))
		p := &Packet{Code: AccessAccept}
		p.AddTunnelSecret(want, uint16(n), request, key)
		if v, _ := p.First(TunnelPassword); len(v) != 3+16*(n/16+1) || v[1]&0x80 == 0 {
			t.Errorf("%d octets: % x", n, v)
		}
		if got := p.TunnelSecret(request, key); !got.Equal(want) {
			t.Errorf("%d octets come back as %d", n, len(got.Reveal()))
		}
		if got := p.TunnelSecret(request, secret.FromString("other")); got.Equal(want) && n > 0 {
			t.Errorf("%d octets are read with another key", n)
		}
	}
	for _, n := range []int{0, 1, 2, 3, 18, 20, 34} {
		p := &Packet{Code: AccessAccept, Attributes: []Attribute{{TunnelPassword, make([]byte, n)}}}
		if got := p.TunnelSecret(request, key); !got.IsZero() {
			t.Errorf("a value of %d octets yields a password", n)
		}
	}
}

func TestShownWithoutPasswords(t *testing.T) {
	for _, chap := range []bool{false, true} {
		_, b := newRequest(t, Credentials{Password: secret.FromString("wonderland"), CHAP: chap})
		p, _ := Parse(b)
		p.AddCisco("ipsec:tunnel-password=groupsecret")
		p.Add(TunnelPassword, []byte("groupsecret"))
		p.Add(VendorSpecific, []byte("\x00\x00\x01\x37\x10\x0dgroupsecret"))
		var all strings.Builder
		for _, a := range p.Attributes {
			all.WriteString(a.Shown() + "\n")
			hidden := a.Type == UserPassword || a.Type == CHAPPassword
			if hidden && !strings.HasSuffix(a.Shown(), " *") {
				t.Errorf("%s", a.Shown())
			}
		}
		if strings.Contains(all.String(), "groupsecret") || !strings.Contains(all.String(), `User-Name           [1]   7   "alice"`) {
			t.Error(all.String())
		}
	}
}

// FuzzReply: whatever a server sends, it is read or refused with its reason, and
// is believed only with the key.
func FuzzReply(f *testing.F) {
	request, _ := newRequest(f, Credentials{Password: secret.FromString("x")})
	f.Add((&Packet{Code: AccessAccept}).Answer(request, key, true))
	f.Add(octets(f, rfcAccept))
	f.Add([]byte{2, 7, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0})
	valid := map[string]bool{string((&Packet{Code: AccessAccept}).Answer(request, key, true)): true}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Reply(b, request, key, false)
		if _, typed := err.(Error); err != nil && !typed {
			t.Fatalf("%T", err)
		}
		if err == nil && !valid[string(b[:int(b[2])<<8|int(b[3])])] {
			t.Fatalf("believed without the key: %x", b)
		}
		if q, err := Parse(b); err == nil {
			p = q
		}
		if p == nil {
			return
		}
		p.Cisco()
		for _, a := range p.Attributes {
			a.Shown()
		}
	})
}
