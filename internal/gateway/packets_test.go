package gateway

import (
	"slices"
	"testing"

	"qmidle/internal/dataplane"
	"qmidle/internal/ipsec"
)

func TestConfigurationShapesPackets(t *testing.T) {
	for text, want := range map[string]ipsec.OuterPolicy{
		"":                           {},
		"crypto ipsec df-bit copy\n": {},
		"crypto ipsec df-bit set\n":  {DF: ipsec.DFSet},
		"crypto ipsec df-bit clear\ncrypto ipsec fragmentation after-encryption\n": {DF: ipsec.DFClear, FragmentAfter: true},
		"crypto ipsec fragmentation before-encryption\n":                           {},
	} {
		one, _ := twoSites(t, text+"interface Ethernet0/0\n ip tcp adjust-mss 1300\ninterface lo\n ip tcp adjust-mss 1400\n")
		if one.plane.outer != want {
			t.Errorf("%q: %+v", text, one.plane.outer)
		}
		clamps := []dataplane.MSSClamp{{Device: "lo", Size: 1300}, {Device: dataplane.DefaultDevice, Size: 1300}, {Device: "lo", Size: 1400}}
		if !slices.Equal(one.plane.clamps, clamps) {
			t.Errorf("clamps %+v", one.plane.clamps)
		}
	}
}

func TestReconfigurationShapesPackets(t *testing.T) {
	one, _ := twoSites(t, "")
	x := sit(t, one)
	x.typed(t, "configure terminal\nhostname first\ncrypto ipsec df-bit clear\ninterface Ethernet0/0\nip tcp adjust-mss 1200\nend\n", "first#")
	one.do(t, "show version") // the loop is done with it
	if want := (ipsec.OuterPolicy{DF: ipsec.DFClear}); one.plane.outer != want || len(one.plane.clamps) != 2 {
		t.Errorf("%+v, clamps %+v", one.plane.outer, one.plane.clamps)
	}
}
