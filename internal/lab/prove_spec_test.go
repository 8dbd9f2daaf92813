package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
)

// side is one end of a generated pair of configurations.
type side struct {
	name          string
	outside, mask string
	gateway       string // the next hop of the default route
	lans          []string
	policies      []string // "aes 256|sha256|pre-share|14"
	policyLife    int
	isakmpOff     bool
	key           string
	keyPeer       string // of `crypto isakmp key`, with its mask
	ring          bool   // the key is in a keyring, with a profile that demands the peer
	match         string // of the profile
	identity      string // `crypto isakmp identity`
	peers         []string
	sets          []string // "esp-aes 256 esp-sha256-hmac|tunnel"
	pfs           string
	seconds       int
	noList, noSet bool
	before        []string // lines of the access list ahead of the others
	lines         []string // "permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255"
	ahead         []string // lines of an entry before, for another peer
	dynamic       bool
	unapplied     bool
	shutdown      bool
	noDefault     bool
	around        string // a network that is routed by the inside
	noKeepalive   bool
	reverse       bool // reverse-route
	dhcp          bool // the outside interface learns its address
	split         bool // each line has an entry of its own
	loopback      bool // the crypto map has the address of a loopback interface
}

func (s *side) text() string {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	w("version 15.2\nhostname %s", s.name)
	for i, p := range s.policies {
		f := strings.Split(p, "|")
		w("crypto isakmp policy %d\n encr %s\n hash %s\n authentication %s\n group %s", 10*(i+1), f[0], f[1], f[2], f[3])
		if s.policyLife > 0 {
			w(" lifetime %d", s.policyLife)
		}
	}
	if s.isakmpOff {
		w("no crypto isakmp enable")
	}
	switch {
	case s.key == "":
	case s.ring:
		w("crypto keyring RING\n  pre-shared-key address %s key %s", s.keyPeer, s.key)
		w("crypto isakmp profile PROFILE\n   keyring RING\n   match identity %s", s.match)
	default:
		w("crypto isakmp key %s address %s", s.key, s.keyPeer)
	}
	if s.identity != "" {
		w("crypto isakmp identity %s", s.identity)
	}
	if !s.noKeepalive {
		w("crypto isakmp keepalive 10 3")
	}
	for i, x := range s.sets {
		transforms, mode, _ := strings.Cut(x, "|")
		w("crypto ipsec transform-set SET%d %s\n mode %s", i+1, transforms, mode)
	}
	s.writeMap(w)
	switch {
	case s.dhcp:
		w("interface GigabitEthernet0/0\n ip address dhcp")
	case s.loopback:
		w("interface Loopback0\n ip address %s 255.255.255.255\ninterface GigabitEthernet0/0\n ip address 172.16.9.2 255.255.255.252", s.outside)
	default:
		w("interface GigabitEthernet0/0\n ip address %s %s", s.outside, s.mask)
	}
	if !s.unapplied {
		w(" crypto map VPN")
	}
	if s.shutdown {
		w(" shutdown")
	}
	for i, lan := range s.lans {
		w("interface GigabitEthernet0/%d\n ip address %s.1 255.255.255.0", i+1, lan)
	}
	switch {
	case s.noDefault || s.dhcp:
	case s.loopback:
		w("ip route 0.0.0.0 0.0.0.0 172.16.9.1")
	default:
		w("ip route 0.0.0.0 0.0.0.0 %s", s.gateway)
	}
	if s.around != "" {
		w("ip route %s.0 255.255.255.0 %s.254", s.around, s.lans[0])
	}
	w("ip access-list extended LIST")
	lines := s.lines
	if s.split {
		lines = lines[:1]
	}
	for _, l := range append(s.before, lines...) {
		w(" %s", l)
	}
	if s.split {
		w("ip access-list extended LIST2")
		for _, l := range s.lines[1:] {
			w(" %s", l)
		}
	}
	if len(s.ahead) > 0 {
		w("ip access-list extended AHEAD")
		for _, l := range s.ahead {
			w(" %s", l)
		}
	}
	return b.String()
}

func (s *side) writeMap(w func(string, ...any)) {
	if len(s.ahead) > 0 {
		w("crypto map VPN 5 ipsec-isakmp\n set peer 192.0.2.99\n set transform-set SET1\n match address AHEAD")
	}
	if s.loopback {
		w("crypto map VPN local-address Loopback0")
	}
	s.writeEntry(w, 10, "LIST")
	if s.split {
		s.writeEntry(w, 20, "LIST2")
	}
	if s.dynamic {
		w("crypto map VPN 10 ipsec-isakmp dynamic DYN")
	}
}

func (s *side) writeEntry(w func(string, ...any), seq int, acl string) {
	if s.dynamic {
		w("crypto dynamic-map DYN %d", seq)
	} else {
		w("crypto map VPN %d ipsec-isakmp", seq)
		for _, p := range s.peers {
			w(" set peer %s", p)
		}
	}
	if !s.noSet {
		names := ""
		for i := range s.sets {
			names += fmt.Sprintf(" SET%d", i+1)
		}
		w(" set transform-set%s", names)
	}
	if s.pfs != "" {
		w(" set pfs group%s", s.pfs)
	}
	if s.seconds > 0 {
		w(" set security-association lifetime seconds %d", s.seconds)
	}
	if s.ring {
		w(" set isakmp-profile PROFILE")
	}
	if s.reverse {
		w(" reverse-route")
	}
	if !s.noList {
		w(" match address %s", acl)
	}
}

// pickOne returns one of some words.
func pickOne(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// goodPair makes two sides that fit.
func goodPair(r *rand.Rand) (a, b *side) {
	a = &side{name: "left", outside: "203.0.113.10", mask: "255.255.255.0", gateway: "203.0.113.1", lans: []string{"10.1.0", "10.1.1"}}
	b = &side{name: "right", outside: "198.51.100.20", mask: "255.255.255.240", gateway: "198.51.100.17", lans: []string{"10.2.0", "10.2.1"}}
	group := pickOne(r, "1", "2", "19")
	policies := []string{pickOne(r, "aes 256", "3des", "aes", "des") + "|" + pickOne(r, "sha256", "sha", "md5") + "|pre-share|" + group}
	if r.IntN(3) == 0 {
		policies = append(policies, "aes 192|sha512|pre-share|"+group)
	}
	sets := []string{pickOne(r, "esp-aes 256 esp-sha256-hmac", "esp-gcm 128", "esp-3des esp-sha-hmac", "esp-aes esp-md5-hmac") + "|tunnel"}
	if r.IntN(3) == 0 {
		sets = append(sets, "esp-aes 192 esp-sha512-hmac|tunnel")
	}
	pfs := pickOne(r, "", "", "1", "2")
	ring := r.IntN(4) == 0
	for _, x := range []struct{ own, other *side }{{a, b}, {b, a}} {
		s := x.own
		s.policies, s.sets, s.pfs = append([]string{}, policies...), append([]string{}, sets...), pfs
		s.key, s.keyPeer, s.peers = "generated-key-of-two", x.other.outside, []string{x.other.outside}
		s.ring, s.match = ring, "address "+x.other.outside+" 255.255.255.255"
		s.policyLife, s.seconds = 0, 0
	}
	for i := range 1 + r.IntN(2) {
		protocol := pickOne(r, "ip", "ip", "icmp", "tcp")
		a.lines = append(a.lines, permit(protocol, a.lans[i], b.lans[i]))
		b.lines = append(b.lines, permit(protocol, b.lans[i], a.lans[i]))
	}
	return a, b
}

func permit(protocol, from, to string) string {
	return fmt.Sprintf("permit %s %s.0 0.0.0.255 %s.0 0.0.0.255", protocol, from, to)
}

// change is one difference that a side gets.
type change struct {
	name  string
	make  func(r *rand.Rand, s, other *side) bool // false where it does not apply
	cause diagnose.Cause                          // that names it; "" for none
	luck  bool                                    // it is no mismatch
	one   bool                                    // its lines are of one file only
	about []string                                // parts of a configuration, of which another change may leave nothing
}

func setPart(list []string, i, n int, with string) {
	f := strings.Split(list[i], "|")
	f[n] = with
	list[i] = strings.Join(f, "|")
}

var changes = []change{
	{"nothing", func(*rand.Rand, *side, *side) bool { return true }, "", false, false, nil},
	{"encryption", func(_ *rand.Rand, s, _ *side) bool {
		s.policies = s.policies[:1]
		setPart(s.policies, 0, 0, "aes 192")
		setPart(s.policies, 0, 1, "sha384")
		return true
	}, diagnose.Phase1PolicyMismatch, false, false, []string{"policy"}},
	{"hash", func(_ *rand.Rand, s, _ *side) bool {
		s.policies = s.policies[:1]
		setPart(s.policies, 0, 1, "sha384")
		return true
	}, diagnose.Phase1PolicyMismatch, false, false, []string{"policy"}},
	{"group", func(_ *rand.Rand, s, _ *side) bool {
		for i := range s.policies {
			setPart(s.policies, i, 3, "5")
		}
		return true
	}, diagnose.Phase1PolicyMismatch, false, false, []string{"policy"}},
	{"policies in another order", func(_ *rand.Rand, s, _ *side) bool {
		if len(s.policies) < 2 {
			return false
		}
		s.policies[0], s.policies[1] = s.policies[1], s.policies[0]
		return true
	}, diagnose.Phase1PolicyMismatch, true, false, []string{"policy"}},
	{"key", func(_ *rand.Rand, s, _ *side) bool { s.key = "another-generated-key"; return true }, diagnose.PSKMismatch, false, false, []string{"key"}},
	{"no key", func(_ *rand.Rand, s, _ *side) bool { s.keyPeer = "192.0.2.77"; return true }, diagnose.NoPSKForPeer, false, false, []string{"key"}},
	{"key for all", func(_ *rand.Rand, s, _ *side) bool { s.keyPeer = "0.0.0.0 0.0.0.0"; return true }, diagnose.NoPSKForPeer, true, true, []string{"key"}},
	{"peer", func(_ *rand.Rand, s, _ *side) bool { s.peers = []string{"192.0.2.78"}; return true }, diagnose.ConnectionNotMatched, false, false, []string{"peer"}},
	{"peer on another interface", func(_ *rand.Rand, s, o *side) bool { s.peers = []string{o.lans[0] + ".1"}; return true }, diagnose.ConnectionNotMatched, false, false, []string{"peer"}},
	{"a second peer", func(_ *rand.Rand, s, _ *side) bool { s.peers = append([]string{"192.0.2.79"}, s.peers...); return true }, diagnose.PeerUnreachable, true, true, []string{"peer"}},
	{"identity", func(_ *rand.Rand, s, o *side) bool {
		s.identity = "hostname"
		return o.ring
	}, diagnose.IdentityMismatch, false, false, []string{"identity"}},
	{"match identity", func(_ *rand.Rand, s, _ *side) bool {
		s.match = "host elsewhere.example.com"
		return s.ring
	}, diagnose.IdentityMismatch, false, false, []string{"identity"}},
	{"cipher", func(_ *rand.Rand, s, _ *side) bool {
		s.sets = []string{"esp-aes 192 esp-sha384-hmac|tunnel"}
		return true
	}, diagnose.Phase2TransformMismatch, false, false, []string{"sets"}},
	{"mode", func(_ *rand.Rand, s, _ *side) bool { // of networks, so that it does not matter
		for i := range s.sets {
			setPart(s.sets, i, 1, "transport")
		}
		return true
	}, "", false, false, []string{"sets"}},
	{"mode of the gateways' own", func(_ *rand.Rand, s, o *side) bool {
		if s.dhcp || o.dhcp || s.loopback || o.loopback {
			return false
		}
		s.lines = []string{"permit icmp host " + s.outside + " host " + o.outside}
		o.lines = []string{"permit icmp host " + o.outside + " host " + s.outside}
		for i := range s.sets {
			setPart(s.sets, i, 1, "transport")
			setPart(o.sets, i, 1, "tunnel")
		}
		return true
	}, diagnose.Phase2TransformMismatch, false, false, []string{"sets", "list"}},
	{"PFS", func(r *rand.Rand, s, _ *side) bool {
		if s.pfs != "" {
			s.pfs = pickOne(r, "", "5")
		} else {
			s.pfs = "1"
		}
		return true
	}, diagnose.PFSMismatch, false, false, []string{"pfs"}},
	{"narrower list", func(_ *rand.Rand, s, _ *side) bool {
		s.lines[0] = strings.Replace(s.lines[0], ".0 0.0.0.255", ".0 0.0.0.127", 1)
		return true
	}, diagnose.ProxyIdentityMismatch, false, false, []string{"list"}},
	{"wider list", func(_ *rand.Rand, s, _ *side) bool {
		s.lines = []string{"permit ip " + s.lans[0][:4] + ".0.0 0.0.255.255 10.0.0.0 0.255.255.255"}
		return true
	}, diagnose.ProxyIdentityMismatch, false, false, []string{"list"}},
	{"another network", func(_ *rand.Rand, s, o *side) bool {
		s.lines[0] = permit("ip", s.lans[0], "10.77.0")
		return true
	}, diagnose.ProxyIdentityMismatch, false, false, []string{"list", "route"}},
	{"another protocol", func(_ *rand.Rand, s, o *side) bool {
		s.lines[0] = permit("gre", s.lans[0], o.lans[0])
		return true
	}, diagnose.ProxyIdentityMismatch, false, false, []string{"list"}},
	{"copied list", func(_ *rand.Rand, s, o *side) bool { s.lines = append([]string{}, o.lines...); return true }, diagnose.ProxyIdentityMismatch, false, false, []string{"list", "route"}},
	{"another line", func(_ *rand.Rand, s, o *side) bool {
		s.lines = append(s.lines, permit("ip", s.lans[0], "10.78.0"))
		return true
	}, diagnose.ProxyIdentityMismatch, false, false, []string{"list"}},
	{"denied", func(_ *rand.Rand, s, o *side) bool {
		s.before = []string{strings.Replace(permit("ip", s.lans[0], o.lans[0]), "permit", "deny", 1)}
		return true
	}, diagnose.ProxyIdentityMismatch, false, false, []string{"list"}},
	{"partly denied", func(_ *rand.Rand, s, o *side) bool {
		s.before = []string{"deny ip host " + s.lans[0] + ".1 any"}
		return true
	}, "", false, false, []string{"list"}},
	{"shadowed", func(_ *rand.Rand, s, o *side) bool {
		s.ahead = []string{"permit ip any 10.0.0.0 0.255.255.255"}
		return true
	}, diagnose.ACLOrNATExemption, false, false, []string{"list"}},
	{"partly shadowed", func(_ *rand.Rand, s, o *side) bool {
		s.ahead = []string{"permit ip any host " + o.lans[0] + ".1"}
		return true
	}, diagnose.ProxyIdentityMismatch, true, true, []string{"list"}},
	{"not applied", func(_ *rand.Rand, s, _ *side) bool { s.unapplied = true; return true }, diagnose.CryptoMapNotApplied, false, true, []string{"map"}},
	{"shut down", func(_ *rand.Rand, s, _ *side) bool { s.shutdown = true; return true }, diagnose.CryptoMapNotApplied, false, true, []string{"map"}},
	{"ISAKMP off", func(_ *rand.Rand, s, _ *side) bool { s.isakmpOff = true; return true }, diagnose.CryptoMapNotApplied, false, true, nil},
	{"no peer", func(_ *rand.Rand, s, _ *side) bool { s.peers = nil; return true }, diagnose.CryptoMapNotApplied, false, true, []string{"peer"}},
	{"no transform set", func(_ *rand.Rand, s, _ *side) bool { s.noSet = true; return true }, diagnose.CryptoMapNotApplied, false, true, []string{"sets"}},
	{"no list", func(_ *rand.Rand, s, _ *side) bool { s.noList = true; return true }, diagnose.CryptoMapNotApplied, false, true, []string{"list", "route"}},
	{"no route", func(_ *rand.Rand, s, _ *side) bool { s.noDefault = true; return true }, diagnose.RoutingMissing, false, false, []string{"outside"}},
	{"another route", func(_ *rand.Rand, s, o *side) bool { s.around = o.lans[0]; return true }, diagnose.RoutingMissing, false, false, []string{"route"}},
	{"phase 1 lifetime", func(_ *rand.Rand, s, _ *side) bool { s.policyLife = 3600; return true }, diagnose.LifetimeMismatch, false, false, []string{"life"}},
	{"phase 2 lifetime", func(_ *rand.Rand, s, _ *side) bool { s.seconds = 900; return true }, diagnose.LifetimeMismatch, false, false, []string{"lives"}},
	{"no DPD", func(_ *rand.Rand, s, _ *side) bool { s.noKeepalive = true; return true }, diagnose.StaleSA, true, false, []string{"dpd"}},
	{"dynamic", func(_ *rand.Rand, s, o *side) bool {
		if o.dynamic || s.noList {
			return false
		}
		s.dynamic = true
		return true
	}, diagnose.NoInterestingTraffic, true, false, []string{"list", "peer", "route", "shadow"}},
	{"dynamic without list", func(_ *rand.Rand, s, o *side) bool {
		if o.dynamic || len(s.before) > 0 {
			return false
		}
		s.dynamic, s.noList = true, true
		return true
	}, diagnose.NoInterestingTraffic, true, false, []string{"list", "peer", "route"}},
	{"behind a NAT", func(_ *rand.Rand, s, o *side) bool {
		if s.dhcp || s.loopback || s.outside[:3] == "192" || o.keyPeer != s.outside || !slices.Contains(o.peers, s.outside) {
			return false
		}
		o.match = "address 192.168.77.2 255.255.255.255"
		s.outside, s.mask, s.gateway = "192.168.77.2", "255.255.255.0", "192.168.77.1"
		o.keyPeer, o.peers = "192.0.2.200", []string{"192.0.2.200"}
		return true
	}, diagnose.LocalFirewall, true, false, []string{"key", "peer", "identity", "list", "outside", "map"}},
	{"DHCP", func(_ *rand.Rand, s, o *side) bool {
		if s.loopback || s.noDefault || o.dhcp || !slices.Contains(o.peers, s.outside) {
			return false
		}
		s.dhcp = true
		return true
	}, diagnose.ConnectionNotMatched, true, false, []string{"peer", "outside", "map", "list"}},
	{"a name", func(_ *rand.Rand, s, o *side) bool {
		s.peers = []string{o.name}
		return true
	}, diagnose.ConnectionNotMatched, true, true, []string{"peer", "map"}},
	{"entries", func(_ *rand.Rand, s, o *side) bool {
		s.split = len(s.lines) > 1 && !s.noList
		return s.split
	}, "", false, false, nil},
	{"keyring", func(_ *rand.Rand, s, o *side) bool {
		s.ring = !s.ring
		return true
	}, "", false, false, []string{"identity"}},
	{"loopback", func(_ *rand.Rand, s, o *side) bool {
		if s.dhcp {
			return false
		}
		s.loopback = true
		return true
	}, "", false, false, nil},
	{"reverse route", func(_ *rand.Rand, s, o *side) bool { s.reverse = true; return true }, "", false, false, nil},
}
