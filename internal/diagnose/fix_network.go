package diagnose

import (
	"fmt"
	"strings"
)

func fixNothingAsked(x *fixer) {
	if lines := x.c.configured(); len(lines) > 0 {
		if local, remote, ok := sides(lines.Last().Pair); ok {
			x.ios("ask for it", fmt.Sprintf("ping %s source %s", remote.Addr().Next(), local.Addr().Next()))
		}
	}
}

func fixACL(x *fixer) {
	x.ios("compare the list with the packets", "show access-lists", "show crypto ipsec sa")
	lines := x.c.configured()
	if len(lines) == 0 {
		return
	}
	local, remote, ok := sides(lines.Last().Pair)
	if !ok {
		return
	}
	x.say(Here, AnySystem, "leave the traffic out of NAT, on this host",
		fmt.Sprintf("nft insert rule ip nat POSTROUTING ip saddr %s ip daddr %s accept", local, remote))
	x.everywhere([]string{"ip access-list extended NAT", fmt.Sprintf(" deny ip %s %s", ACLWords(remote), ACLWords(local)), " permit ip " + ACLWords(remote) + " any"},
		[]string{"nat (inside,outside) source static OWN OWN destination static FAR FAR no-proxy-arp route-lookup"}, nil, nil)
}

func fixRoute(x *fixer) {
	pair := x.o.Pair
	if pair == "" {
		if lines := x.c.configured(); len(lines) > 0 {
			pair = lines.Last().Pair
		}
	}
	local, remote, ok := sides(pair)
	if !ok {
		x.ios("", "show ip route")
		return
	}
	if x.f.weight == seen {
		to, mask := remote.Addr().String(), Netmask(remote)
		if toPeer(x.o) {
			to, mask = x.peer, "255.255.255.255"
		}
		x.ios("by the interface with the crypto map", fmt.Sprintf("ip route %s %s NEXT-HOP", to, mask))
		return
	}
	x.ios("see whether packets are led to the tunnel", "show ip route")
	x.everywhere([]string{fmt.Sprintf("ip route %s %s NEXT-HOP", local.Addr(), Netmask(local))},
		[]string{fmt.Sprintf("route outside %s %s NEXT-HOP", local.Addr(), Netmask(local))}, nil, nil)
}

// passing are the rules that let a kind of packet pass on the way.
func (x *fixer) passing(what, iosRule, nftRule string) {
	x.say(Between, IOS, "let "+what+" pass, both ways",
		fmt.Sprintf(" permit %s host %s host %s%s", strings.Fields(iosRule)[0], x.peer, x.here, strings.TrimPrefix(iosRule, strings.Fields(iosRule)[0])))
	x.say(Between, AnySystem, "on a Linux host", "nft add rule inet filter input "+nftRule+" accept")
}

func fixESP(x *fixer) { x.passing("ESP (IP protocol 50)", "esp", "meta l4proto esp") }

func fixFlood(x *fixer) {
	x.say(Between, AnySystem, "Let the network before this end pass UDP 500 and 4500 from the peers' addresses only, or limit their rate by source")
	x.ios("Where all peers have fixed addresses, refuse aggressive mode, whose answers cost more", "crypto isakmp aggressive-mode disable")
}

func fixUDP500(x *fixer) {
	x.say(Here, IOS, "see whether the peer is there, and what it says", "ping "+x.peer, "debug crypto isakmp")
	x.passing("UDP 500", "udp eq 500", "udp dport 500")
	x.everywhere([]string{"show crypto map", "show crypto isakmp sa"}, []string{"show crypto ikev1 sa", "show running-config crypto"},
		[]string{"swanctl --list-conns", "swanctl --log"}, []string{"ipsec status"})
}

func fixUDP4500(x *fixer) { x.passing("UDP 4500", "udp eq 4500", "udp dport 4500") }

func fixFirewall(x *fixer) {
	x.say(Here, AnySystem, "on this host", "nft list ruleset", "conntrack -L -p udp")
	x.passing("UDP 500, UDP 4500 and ESP", "ip", "udp dport { 500, 4500 }")
}

func fixStale(x *fixer) {
	x.ios("begin anew", "clear crypto session remote "+x.peer)
	x.ios("find it without an operator next time", "crypto isakmp keepalive 10 3 periodic", "crypto isakmp invalid-spi-recovery")
	x.everywhere([]string{"clear crypto session remote " + x.here, "crypto isakmp keepalive 10 3 periodic", "crypto isakmp invalid-spi-recovery"},
		[]string{"clear crypto ikev1 sa " + x.here, "clear crypto ipsec sa peer " + x.here},
		[]string{"swanctl --terminate --ike CONNECTION", "dpd_delay = 10s", "dpd_action = restart"},
		[]string{"ipsec whack --name CONNECTION --terminate", "dpddelay=10", "dpdtimeout=30", "dpdaction=restart"})
}

func fixDead(x *fixer) {
	x.say(Here, IOS, "see whether the peer is there", "ping "+x.peer, "show crypto isakmp sa")
	x.everywhere([]string{"show crypto isakmp sa"}, []string{"show crypto ikev1 sa"}, []string{"swanctl --list-sas"}, []string{"ipsec status"})
}

func fixMTU(x *fixer) {
	x.ios("smaller packets", "crypto isakmp fragmentation", "crypto ipsec df-bit clear", "interface INTERFACE", " ip tcp adjust-mss 1360")
	x.everywhere([]string{"crypto isakmp fragmentation", "interface INTERFACE", " ip tcp adjust-mss 1360"},
		[]string{"crypto ikev1 fragmentation enable", "sysopt connection tcpmss 1350"},
		[]string{"fragmentation = yes"}, []string{"fragmentation=yes"})
	x.say(Between, AnySystem, "let fragments and ICMP `fragmentation needed` pass")
}

func fixReplay(x *fixer) {
	x.ios("a larger window", "crypto ipsec security-association replay window-size 1024")
}

func fixCapture(x *fixer) {
	x.say(Here, AnySystem, "capture what comes, and compare with the peer's side", "tcpdump -ni any -w ike.pcap host "+x.peer+" and \\( udp port 500 or udp port 4500 \\)")
}

func fixLimits(x *fixer) {
	x.ios("see what uses them up", "show crypto isakmp sa count", "show crypto isakmp statistics")
}
