package policy

import (
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

var set1 = TransformSet{Name: "TSET", Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}

var hour = Lives{Seconds: 3600, Kilobytes: 4608000}

func TestESPOfferRoundTrip(t *testing.T) {
	gcm := TransformSet{Cipher: isakmp.ESPAESGCM16, KeyBits: 256}
	host := set1
	host.Transport = true
	for _, ts := range []TransformSet{set1, {Cipher: isakmp.ESP3DES, Auth: isakmp.AuthAlgHMACMD5}, gcm, host} {
		encap := isakmp.EncapTunnel
		if ts.Transport {
			encap = isakmp.EncapTransport
		}
		o := ParseESPOffer(isakmp.ProtocolESP, ts.Transform(2, encap, isakmp.GroupMODP2048, hour))
		if r, ok := ts.Match(o, isakmp.GroupMODP2048); !ok {
			t.Errorf("%+v refuses its own offer: %+v", ts, r)
		}
		if o.Number != 2 || o.Seconds != 3600 || o.Kilobytes != 4608000 || o.Group != isakmp.GroupMODP2048 {
			t.Errorf("read as %+v", o)
		}
	}
	if o := ParseESPOffer(isakmp.ProtocolESP, set1.Transform(1, isakmp.EncapTunnel, 0, Lives{})); o.Seconds != 0 || o.Kilobytes != 0 || o.Group != 0 {
		t.Errorf("read as %+v", o)
	}
}

// The first difference is named: protocol, transform, key length,
// authenticator, mode, group.
func TestESPComparisonOrder(t *testing.T) {
	o := ParseESPOffer(isakmp.ProtocolESP, set1.Transform(1, isakmp.EncapTunnel, isakmp.GroupMODP1024, hour))
	for _, s := range []struct {
		attr trace.IPsecAttr
		bend func(o *ESPOffer)
	}{
		{trace.IPsecAttrUnknown, func(o *ESPOffer) { o.Unknown = 99 }},
		{trace.IPsecAttrGroup, func(o *ESPOffer) { o.Group = isakmp.GroupMODP768 }},
		{trace.IPsecAttrMode, func(o *ESPOffer) { o.Encap = isakmp.EncapTransport }},
		{trace.IPsecAttrAuth, func(o *ESPOffer) { o.Auth = isakmp.AuthAlgHMACMD5 }},
		{trace.IPsecAttrKeyLength, func(o *ESPOffer) { o.KeyBits = 192 }},
		{trace.IPsecAttrTransform, func(o *ESPOffer) { o.Cipher = isakmp.ESP3DES }},
		{trace.IPsecAttrProtocol, func(o *ESPOffer) { o.Protocol = isakmp.ProtocolAH }},
	} {
		s.bend(&o)
		if r, ok := set1.Match(o, isakmp.GroupMODP1024); ok || r.Attr != s.attr {
			t.Errorf("refused for %s (%v), want %s", r.Attr, ok, s.attr)
		}
	}
}

func TestPFSGroups(t *testing.T) {
	for _, c := range []struct {
		offered, wanted isakmp.Group
		ok              bool
	}{{0, 0, true}, {2, 0, true}, {0, 2, false}, {1, 2, false}, {5, 2, false}, {2, 2, true}} {
		o := ParseESPOffer(isakmp.ProtocolESP, set1.Transform(1, isakmp.EncapTunnel, c.offered, hour))
		if _, ok := set1.Match(o, c.wanted); ok != c.ok {
			t.Errorf("group %d for %d: %v", c.offered, c.wanted, ok)
		}
	}
}

func TestESPOffersThatCannotMatch(t *testing.T) {
	for name, extra := range map[string]isakmp.Attribute{
		"compression":           basic(isakmp.IPsecAttrCompressDict, 1),
		"a private attribute":   basic(32001, 1),
		"the reserved type":     basic(0, 1),
		"another mode too":      basic(isakmp.IPsecAttrEncapsulation, 2),
		"another integrity too": basic(isakmp.IPsecAttrAuth, 1),
		"another length too":    basic(isakmp.IPsecAttrKeyLength, 256),
		"a group out of range":  variable(isakmp.IPsecAttrGroup, 1, 0, 0),
		"an unknown life":       basic(isakmp.IPsecAttrLifeType, 3),
	} {
		t.Run(name, func(t *testing.T) {
			tr := set1.Transform(1, isakmp.EncapTunnel, 0, hour)
			tr.Attributes = append(tr.Attributes, extra)
			if r, ok := set1.Match(ParseESPOffer(isakmp.ProtocolESP, tr), 0); ok {
				t.Errorf("it matches: %+v", r)
			}
		})
	}
}

// Lifetimes in seconds and kilobytes, in the basic and the variable form, in
// either order; of each kind the shorter holds, and none is no limit.
func TestESPLifetimes(t *testing.T) {
	for name, c := range map[string]struct {
		ours       Lives
		attributes []isakmp.Attribute
		want       Lives
	}{
		"nothing offered":   {hour, nil, hour},
		"shorter, basic":    {hour, []isakmp.Attribute{basic(1, 1), basic(2, 120), basic(1, 2), basic(2, 1000)}, Lives{120, 1000}},
		"shorter, variable": {hour, []isakmp.Attribute{basic(1, 2), variable(2, 0, 0, 3, 0xe8), basic(1, 1), variable(2, 120)}, Lives{120, 1000}},
		"longer":            {hour, []isakmp.Attribute{basic(1, 1), variable(2, 0, 1, 0x51, 0x80), basic(1, 2), variable(2, 0xff, 0xff, 0xff, 0xff)}, hour},
		"without ours":      {Lives{}, []isakmp.Attribute{basic(1, 1), basic(2, 120), basic(1, 2), basic(2, 1000)}, Lives{120, 1000}},
		"kilobytes only":    {Lives{Seconds: 3600}, []isakmp.Attribute{basic(1, 2), basic(2, 1000)}, Lives{3600, 1000}},
		"beyond 32 bits":    {Lives{}, []isakmp.Attribute{basic(1, 1), variable(2, 1, 0, 0, 0, 0)}, Lives{Seconds: 1<<32 - 1}},
		"zero":              {hour, []isakmp.Attribute{basic(1, 1), basic(2, 0)}, hour},
	} {
		t.Run(name, func(t *testing.T) {
			o := ParseESPOffer(isakmp.ProtocolESP, isakmp.Transform{Attributes: c.attributes})
			if got := c.ours.Shorter(o); got != c.want || o.Unknown != 0 {
				t.Errorf("%+v (unknown %d), want %+v", got, o.Unknown, c.want)
			}
		})
	}
}

func TestEncapsulations(t *testing.T) {
	for e, want := range map[isakmp.Encapsulation]struct{ transport, udp bool }{
		isakmp.EncapTunnel: {}, isakmp.EncapTransport: {transport: true},
		isakmp.EncapUDPTunnel: {udp: true}, isakmp.EncapUDPTransport: {true, true},
		isakmp.EncapUDPTunnelDraft: {udp: true}, isakmp.EncapUDPTransportDraft: {true, true},
	} {
		if IsTransport(e) != want.transport || IsUDP(e) != want.udp {
			t.Errorf("%d: transport %v, UDP %v", e, IsTransport(e), IsUDP(e))
		}
	}
}
