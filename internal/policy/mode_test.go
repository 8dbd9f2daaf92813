package policy

import (
	"net/netip"
	"testing"
)

func TestInForce(t *testing.T) {
	gateway, other, network := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.9/32"), netip.MustParsePrefix("192.0.2.0/24")
	peer := ProxyFromPrefix(netip.MustParsePrefix("198.51.100.1/32"), 0, 0)
	sets := []TransformSet{{Name: "A", Transport: true}, {Name: "B"}}
	for _, c := range []struct {
		local netip.Prefix
		nat   bool
		port  uint16
		want  bool
	}{
		{local: gateway, want: true},
		{local: gateway, port: 1701, want: true},
		{local: other},
		{local: other, nat: true, want: true},
		{local: network},
		{local: network, nat: true},
	} {
		got := InForce(sets, End{gateway.Addr(), c.nat}, End{peer.Lo, false}, ProxyFromPrefix(c.local, 17, c.port), peer)
		if got[0].Transport != c.want || got[1].Transport || !sets[0].Transport {
			t.Errorf("%+v: %+v of %+v", c, got, sets)
		}
	}
}

func TestAnswers(t *testing.T) {
	got := Answers([]TransformSet{{Name: "A", Transport: true}, {Name: "B"}})
	want := []TransformSet{{Name: "A", Transport: true}, {Name: "A"}, {Name: "B"}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %+v, want %+v", i, got[i], want[i])
		}
	}
}
