package compare

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

func itoa(n int) string { return strconv.Itoa(n) }

// traffic is a selector for people: "10.1.0.0/16 - 10.2.0.0/16 tcp port 80".
func traffic(s ipsec.Selector) string {
	words := s.LocalNet.String() + portWords(s.LocalPort) + " - " + s.RemoteNet.String() + portWords(s.RemotePort)
	if s.Protocol != 0 {
		words += " " + protocolWord(s.Protocol)
	}
	return words
}

func portWords(r ipsec.PortRange) string {
	if r.Any() {
		return ""
	}
	return " port " + itoa(int(r.Lo))
}

func protocolWord(p uint8) string {
	switch p {
	case 0:
		return "ip"
	case protoICMP:
		return "icmp"
	case protoTCP:
		return "tcp"
	case protoUDP:
		return "udp"
	case 47:
		return "gre"
	case 50:
		return "esp"
	}
	return itoa(int(p))
}

// aclLine is a permit line for the traffic of a selector.
func aclLine(s ipsec.Selector) string {
	return fmt.Sprintf(" permit %s %s%s %s%s", protocolWord(s.Protocol), network(s.LocalNet), portEq(s.LocalPort), network(s.RemoteNet), portEq(s.RemotePort))
}

func portEq(r ipsec.PortRange) string {
	if r.Any() {
		return ""
	}
	return " eq " + itoa(int(r.Lo))
}

// network is a range in the words of an access list; it is always one prefix.
func network(r ipsec.Range) string { return diagnose.ACLWords(r.Prefixes()[0]) }

// suite is a phase 1 policy in one line.
func suite(p policy.IKE) string {
	return fmt.Sprintf("%s, %s, group %d, %s", config.EncryptionName(p.Encryption, p.KeyBits), config.HashName(p.Hash), p.Group, config.AuthName(p.Auth))
}

// setWords is a transform set in one line.
func setWords(t policy.TransformSet) string {
	return transforms(t) + ", " + modeWord(t.Transport)
}

func transforms(t policy.TransformSet) string {
	return strings.Join((&config.TransformSet{Cipher: t.Cipher, KeyBits: t.KeyBits, Auth: t.Auth}).Transforms(), " ")
}

func modeWord(transport bool) string {
	if transport {
		return "transport"
	}
	return "tunnel"
}

func groupWord(g isakmp.Group) string {
	if g == isakmp.GroupNone {
		return "no PFS"
	}
	return "group " + itoa(int(g))
}

func seconds(n uint32) string { return itoa(int(n)) + " s" }

func kilobytes(n uint32) string {
	if n == 0 {
		return "no limit of kilobytes"
	}
	return itoa(int(n)) + " KB"
}

// list joins words as a sentence does.
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func loopback(name string) bool { return strings.HasPrefix(name, "Loopback") }

// private says whether an address is not of the Internet: RFC 1918, RFC 6598.
func private(a netip.Addr) bool {
	return a.IsPrivate() || sharedSpace.Contains(a) || a.IsLinkLocalUnicast()
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
