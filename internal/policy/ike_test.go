package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

var aes = IKE{Priority: 10, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1, Auth: isakmp.AuthPSK,
	Group: isakmp.GroupMODP1024, Lifetime: 86400}

// A policy offered and read again is the policy.
func TestIKEOfferRoundTrip(t *testing.T) {
	des := IKE{Encryption: isakmp.EncrDESCBC, Hash: isakmp.HashMD5, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP768, Lifetime: 60}
	large := aes
	large.KeyBits, large.Lifetime = 256, 1<<32-1
	for _, p := range []IKE{aes, des, large, Default} {
		tr := p.Transform(3)
		o := ParseIKEOffer(tr)
		if r, ok := p.Match(o); !ok {
			t.Errorf("%+v refuses its own offer: %+v", p, r)
		}
		if o.Number != 3 || o.Seconds != uint64(p.Lifetime) || p.Life(o) != p.Lifetime {
			t.Errorf("%+v is read as %+v", p, o)
		}
	}
}

// The first difference is named in IOS's order: encryption, key length, hash,
// group, authentication.
func TestIKEComparisonOrder(t *testing.T) {
	steps := []struct {
		attr trace.IKEAttr
		bend func(o *IKEOffer)
	}{
		{trace.IKEAttrUnknown, func(o *IKEOffer) { o.Unknown = isakmp.AttrPRF }},
		{trace.IKEAttrAuth, func(o *IKEOffer) { o.Auth = isakmp.AuthRSASig }},
		{trace.IKEAttrGroup, func(o *IKEOffer) { o.Group = isakmp.GroupMODP2048 }},
		{trace.IKEAttrHash, func(o *IKEOffer) { o.Hash = isakmp.HashMD5 }},
		{trace.IKEAttrKeyLength, func(o *IKEOffer) { o.KeyBits = 256 }},
		{trace.IKEAttrEncryption, func(o *IKEOffer) { o.Encryption = isakmp.Encr3DESCBC }},
	}
	o := ParseIKEOffer(aes.Transform(1))
	for _, s := range steps { // each difference comes before those that are there already
		s.bend(&o)
		if r, ok := aes.Match(o); ok || r.Attr != s.attr {
			t.Errorf("refused for %s (%v), want %s", r.Attr, ok, s.attr)
		}
	}
	r, _ := aes.Match(o)
	if want := (IKERefusal{trace.IKEAttrEncryption, uint32(isakmp.Encr3DESCBC), uint32(isakmp.EncrAESCBC)}); r != want {
		t.Errorf("refusal %+v, want %+v", r, want)
	}
}

func TestALifetimeNeverRefuses(t *testing.T) {
	for _, c := range []struct {
		offered uint64
		want    uint32
	}{{0, 86400}, {1, 1}, {3600, 3600}, {86400, 86400}, {86401, 86400}, {1 << 40, 86400}} {
		o := ParseIKEOffer(aes.Transform(1))
		o.Seconds = c.offered
		if _, ok := aes.Match(o); !ok || aes.Life(o) != c.want {
			t.Errorf("%d s offered: %d s hold, want %d", c.offered, aes.Life(o), c.want)
		}
	}
}

func basic(t isakmp.AttributeType, v uint16) isakmp.Attribute { return isakmp.BasicAttribute(t, v) }

func variable(t isakmp.AttributeType, v ...byte) isakmp.Attribute {
	return isakmp.Attribute{Type: t, Value: v}
}

// Attributes may come in any order and in either form (RFC 2408 section 3.3).
func TestIKEAttributeForms(t *testing.T) {
	want := ParseIKEOffer(aes.Transform(1))
	got := ParseIKEOffer(isakmp.Transform{Number: 1, ID: isakmp.TransformKeyIKE, Attributes: []isakmp.Attribute{
		variable(isakmp.AttrGroup, 0, 0, 0, 2), basic(isakmp.AttrLifeType, 1), variable(isakmp.AttrLifeDuration, 0, 1, 0x51, 0x80),
		variable(isakmp.AttrAuthMethod, 1), basic(isakmp.AttrHash, 2), variable(isakmp.AttrEncryption, 0, 7), basic(isakmp.AttrKeyLength, 128),
		basic(isakmp.AttrGroupType, 1)}})
	want.LengthLast = true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestIKELifetimes(t *testing.T) {
	for name, c := range map[string]struct {
		attributes         []isakmp.Attribute
		seconds, kilobytes uint64
		unknown            isakmp.AttributeType
	}{
		"seconds, basic":    {[]isakmp.Attribute{basic(11, 1), basic(12, 3600)}, 3600, 0, 0},
		"seconds, variable": {[]isakmp.Attribute{basic(11, 1), variable(12, 0, 1, 0x51, 0x80)}, 86400, 0, 0},
		"3 octets":          {[]isakmp.Attribute{basic(11, 1), variable(12, 1, 0x51, 0x80)}, 86400, 0, 0},
		"8 octets":          {[]isakmp.Attribute{basic(11, 1), variable(12, 1, 0, 0, 0, 0, 0, 0, 0)}, 1 << 56, 0, 0},
		"9 octets":          {[]isakmp.Attribute{basic(11, 1), variable(12, 0, 0, 0, 0, 0, 0, 0, 0, 9)}, 0, 0, 12},
		"no octets":         {[]isakmp.Attribute{basic(11, 1), variable(12)}, 0, 0, 12},
		"both kinds":        {[]isakmp.Attribute{basic(11, 1), basic(12, 60), basic(11, 2), basic(12, 1000)}, 60, 1000, 0},
		"no type":           {[]isakmp.Attribute{basic(12, 60)}, 60, 0, 0},
		"unknown type":      {[]isakmp.Attribute{basic(11, 3), basic(12, 60)}, 60, 0, 11},
	} {
		t.Run(name, func(t *testing.T) {
			o := ParseIKEOffer(isakmp.Transform{Attributes: c.attributes})
			if o.Seconds != c.seconds || o.Kilobytes != c.kilobytes || o.Unknown != c.unknown {
				t.Errorf("%d s, %d KB, unknown %d", o.Seconds, o.Kilobytes, o.Unknown)
			}
		})
	}
}

// What this implementation cannot judge must not match: it may mean anything.
func TestIKEOffersThatCannotMatch(t *testing.T) {
	for name, extra := range map[string]isakmp.Attribute{
		"a PRF":                   basic(isakmp.AttrPRF, 1),
		"a private attribute":     basic(16384, 1),
		"the reserved type":       basic(0, 1),
		"another cipher too":      basic(isakmp.AttrEncryption, 1),
		"another key length too":  basic(isakmp.AttrKeyLength, 256),
		"another hash too":        basic(isakmp.AttrHash, 1),
		"another group too":       basic(isakmp.AttrGroup, 14),
		"another method too":      basic(isakmp.AttrAuthMethod, 3),
		"a group out of range":    variable(isakmp.AttrGroup, 1, 0, 2),
		"a hash without value":    variable(isakmp.AttrHash),
		"an unknown kind of life": basic(isakmp.AttrLifeType, 9),
	} {
		t.Run(name, func(t *testing.T) {
			tr := aes.Transform(1)
			tr.Attributes = append(tr.Attributes, extra)
			if r, ok := aes.Match(ParseIKEOffer(tr)); ok {
				t.Errorf("it matches: %+v", r)
			}
		})
	}
	// The same again is no contradiction.
	tr := aes.Transform(1)
	tr.Attributes = append(tr.Attributes, tr.Attributes...)
	if r, ok := aes.Match(ParseIKEOffer(tr)); !ok {
		t.Errorf("attributes that are repeated do not match: %+v", r)
	}
	if _, ok := aes.Match(ParseIKEOffer(isakmp.Transform{})); ok {
		t.Error("an empty transform matches")
	}
}

// AES without a key length is 128 bits for those who leave it out.
func TestAESWithoutKeyLength(t *testing.T) {
	tr := aes.Transform(1)
	tr.Attributes = append(tr.Attributes[:1:1], tr.Attributes[2:]...)
	if _, ok := aes.Match(ParseIKEOffer(tr)); !ok {
		t.Error("it does not match 128 bits")
	}
}

// Cisco's VPN Client puts the key length last, and IOS names what comes before it first.
func TestMatchComparesAsTheAttributesCome(t *testing.T) {
	p := IKE{Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashMD5, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP1024}
	offer := func(bits, hash uint16, last bool) IKEOffer {
		length := isakmp.BasicAttribute(isakmp.AttrKeyLength, bits)
		attrs := []isakmp.Attribute{isakmp.BasicAttribute(isakmp.AttrEncryption, 7)}
		if !last {
			attrs = append(attrs, length)
		}
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.AttrHash, hash), isakmp.BasicAttribute(isakmp.AttrGroup, 2), isakmp.BasicAttribute(isakmp.AttrAuthMethod, 1))
		if last {
			attrs = append(attrs, length)
		}
		return ParseIKEOffer(isakmp.Transform{Attributes: attrs})
	}
	for _, c := range []struct {
		bits, hash uint16
		last       bool
		want       trace.IKEAttr
	}{{256, 2, true, trace.IKEAttrHash}, {256, 2, false, trace.IKEAttrKeyLength}, {256, 1, true, trace.IKEAttrKeyLength}, {128, 1, true, trace.IKEAttrNone}} {
		if r, _ := p.Match(offer(c.bits, c.hash, c.last)); r.Attr != c.want {
			t.Errorf("%+v: %s differs first", c, r.Attr)
		}
	}
}
