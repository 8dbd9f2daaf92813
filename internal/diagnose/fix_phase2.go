package diagnose

import (
	"fmt"
	"strings"
)

// sets are the transform sets here that serve the peer.
func (x *fixer) set() *Observation {
	if all := x.c.All.Of(SetHere); len(all) > 0 {
		return all[0]
	}
	return nil
}

func fixTransform(x *fixer) {
	set := x.set()
	if set == nil {
		x.ios("compare", "show crypto ipsec transform-set")
		x.everywhere([]string{"show crypto ipsec transform-set"}, []string{"show running-config crypto ipsec"}, []string{"swanctl --list-conns"}, []string{"ipsec status"})
		return
	}
	if here := transformChange(x.o, set); here != "" {
		commands := []string{"crypto ipsec transform-set " + set.Place + " " + here}
		if x.o.Attr == AttrMode {
			commands = []string{"crypto ipsec transform-set " + set.Place + " " + set.Detail, " mode " + x.o.Offered}
		}
		x.ios("what the peer offers", commands...)
	}
	x.everywhere([]string{"crypto ipsec transform-set SET " + set.Detail, " mode " + set.Attr},
		[]string{"crypto ipsec ikev1 transform-set SET " + strings.ReplaceAll(set.Detail, "esp-aes ", "esp-aes-")},
		[]string{"esp_proposals = " + espSwan(set.Detail, set.Wanted), "mode = " + set.Attr},
		[]string{"esp=" + espLibre(set.Detail), "type=" + set.Attr})
}

// transformChange is our set with the peer's value in the place of ours; ""
// where the value is no word of a configuration.
func transformChange(o, set *Observation) string {
	if o.Offered == "" {
		return ""
	}
	words := strings.Fields(set.Detail)
	switch o.Attr {
	case AttrMode:
		return set.Detail
	case AttrTransform:
		if !strings.HasPrefix(o.Offered, "esp-") {
			return ""
		}
		return strings.Join(append([]string{o.Offered}, integrityOf(words)...), " ")
	case AttrKeyLength:
		return strings.Join(append([]string{words[0], strings.TrimSuffix(o.Offered, " bits")}, integrityOf(words)...), " ")
	case AttrIntegrity:
		if !strings.HasPrefix(o.Offered, "esp-") {
			return ""
		}
		return strings.Join(append(words[:len(words)-len(integrityOf(words))], o.Offered), " ")
	}
	return ""
}

// integrityOf are the words of a transform set about integrity.
func integrityOf(words []string) []string {
	for i, w := range words {
		if strings.HasSuffix(w, "-hmac") {
			return words[i:]
		}
	}
	return nil
}

func fixPFS(x *fixer) {
	entry := x.entry()
	switch {
	case x.o.Offered != "":
		x.ios("the group that the peer offers", entry+" ipsec-isakmp", " set pfs group"+x.o.Offered)
	case x.o.Wanted != "":
		x.ios("none, as the peer", entry+" ipsec-isakmp", " no set pfs")
	default:
		x.ios("compare", "show crypto map")
	}
	if x.o.Wanted == "" {
		x.everywhere([]string{"crypto map NAME 10 ipsec-isakmp", " no set pfs"}, []string{"no crypto map NAME 10 set pfs"}, nil, []string{"pfs=no"})
		return
	}
	var swan, libre []string
	if set := x.set(); set != nil {
		swan = []string{"esp_proposals = " + espSwan(set.Detail, x.o.Wanted)}
		libre = []string{"pfs=yes", "esp=" + espLibre(set.Detail) + ";" + modp(x.o.Wanted)}
	}
	x.everywhere([]string{"crypto map NAME 10 ipsec-isakmp", " set pfs group" + x.o.Wanted}, []string{"crypto map NAME 10 set pfs group" + x.o.Wanted},
		swan, libre)
}

// fixProxies writes the line that the peer asks for, and for the peer the mirror
// of the line that is here.
func fixProxies(x *fixer) {
	if local, remote, ok := sides(x.o.Pair); ok && x.f.weight == seen {
		x.ios("what the peer asks for", "ip access-list extended LIST",
			fmt.Sprintf(" permit %s %s %s", protocolOf(x.o.Pair), ACLWords(local), ACLWords(remote)))
	}
	lines := x.c.configured()
	if len(lines) == 0 {
		x.everywhere([]string{"show crypto map"}, []string{"show running-config crypto map"}, []string{"swanctl --list-conns"}, []string{"ipsec status"})
		return
	}
	line := nearest(lines, x.o.Pair)
	local, remote, ok := sides(line.Pair)
	if !ok {
		return
	}
	protocol := protocolOf(line.Pair)
	x.everywhere([]string{"ip access-list extended LIST", fmt.Sprintf(" permit %s %s %s", protocol, ACLWords(remote), ACLWords(local))},
		[]string{fmt.Sprintf("access-list LIST extended permit %s %s %s %s %s", protocol, remote.Addr(), Netmask(remote), local.Addr(), Netmask(local))},
		[]string{"local_ts  = " + remote.String(), "remote_ts = " + local.String()},
		[]string{"leftsubnet=" + remote.String(), "rightsubnet=" + local.String()})
}
