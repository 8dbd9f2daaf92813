package router

import (
	"net/netip"
	"slices"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

func ranges(t *testing.T, words ...string) (all []ipsec.Range) {
	t.Helper()
	for i := 0; i < len(words); i += 2 {
		all = append(all, ipsec.Range{Lo: netip.MustParseAddr(words[i]), Hi: netip.MustParseAddr(words[i+1])})
	}
	return all
}

// What a client reaches by its tunnel: everything, what the server names, or what the
// profile chooses, but never the networks inside.
func TestRemotes(t *testing.T) {
	split := []ike.SplitNetwork{{Network: netip.MustParsePrefix("10.1.0.0/16")}, {Network: netip.MustParsePrefix("192.168.0.0/16")}}
	inside := []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}
	chosen := &config.EasyVPN{Targets: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}}
	for name, c := range map[string]struct {
		v      *config.EasyVPN
		split  []ike.SplitNetwork
		direct []netip.Prefix
		want   []ipsec.Range
	}{
		"everything":            {&config.EasyVPN{}, nil, nil, ranges(t, "0.0.0.0", "223.255.255.255")},
		"everything but inside": {&config.EasyVPN{}, nil, inside, ranges(t, "0.0.0.0", "192.168.6.255", "192.168.8.0", "223.255.255.255")},
		"split":                 {&config.EasyVPN{}, split, inside, ranges(t, "10.1.0.0", "10.1.255.255", "192.168.0.0", "192.168.6.255", "192.168.8.0", "192.168.255.255")},
		"chosen":                {chosen, split, nil, ranges(t, "10.2.0.0", "10.2.255.255")},
		"nothing is left":       {&config.EasyVPN{}, split[1:], []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}, nil},
		"the first and the last": {&config.EasyVPN{}, nil, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("192.0.0.0/3")},
			ranges(t, "128.0.0.0", "191.255.255.255")},
	} {
		if got := remotes(c.v, c.split, c.direct); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
