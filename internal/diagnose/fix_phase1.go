package diagnose

import "strings"

// policyLine is the line of a policy for one attribute.
func policyLine(attr, value string) string {
	switch attr {
	case AttrEncryption:
		return " encr " + value
	case AttrKeyLength:
		return " encr aes " + strings.TrimSuffix(value, " bits")
	case AttrHash:
		return " hash " + value
	case AttrGroup:
		return " group " + value
	case AttrAuth:
		return " authentication " + value
	}
	return ""
}

// policies are the suites that are configured here, the one at fault first.
func (x *fixer) policies() (all []suite) {
	for _, own := range []bool{true, false} {
		for _, o := range x.c.All.Of(PolicyHere) {
			if s, ok := readSuite(o.Detail); ok && (o.Place == x.o.Place) == own && (!o.OnPath || o.Local == x.f.Local) {
				all = append(all, s)
			}
		}
	}
	return all
}

func fixPolicy(x *fixer) {
	number := strings.TrimPrefix(x.o.Place, "policy ")
	if line := policyLine(x.o.Attr, x.o.Offered); line != "" && x.o.Offered != "" && x.o.Place != "" && x.o.Place != defaultPolicy {
		x.ios("what the peer offers", "crypto isakmp policy "+number, line)
	} else if x.o.Place == defaultPolicy {
		if s, ok := readSuite(x.o.Detail); ok {
			x.ios("a policy as the peer offers it", append([]string{"crypto isakmp policy 10"}, s.lines()...)...)
		}
	}
	all := x.policies()
	if len(all) == 0 {
		x.everywhere([]string{"show crypto isakmp policy"}, []string{"show running-config crypto ikev1"}, []string{"swanctl --list-conns"}, []string{"ipsec status"})
		return
	}
	s := all[0]
	x.everywhere(append([]string{"crypto isakmp policy 10"}, s.lines()...), append([]string{"crypto ikev1 policy 10"}, s.asa()...),
		[]string{"proposals = " + s.swan()}, []string{"ike=" + s.libre()})
}

func (s suite) lines() []string {
	return []string{" encr " + s.encr, " hash " + s.hash, " authentication " + s.auth, " group " + s.group}
}

func (s suite) asa() []string {
	encr := strings.ReplaceAll(s.encr, " ", "-")
	if encr == "aes-128" {
		encr = "aes"
	}
	return []string{" encryption " + encr, " hash " + s.hash, " authentication " + s.auth, " group " + s.group}
}

// fixKey never shows a key's value: KEY stands for it.
func fixKey(x *fixer) {
	if x.o.Aggressive {
		fixAggressiveKey(x)
		return
	}
	here := "crypto isakmp key KEY address " + x.peer
	text := "the same KEY as at the peer"
	if x.f.Cause == NoPSKForPeer && x.f.weight == seen {
		text = "the KEY that the peer has"
	}
	x.ios(text, here)
	x.everywhere([]string{"crypto isakmp key KEY address " + x.here},
		[]string{"tunnel-group " + x.here + " type ipsec-l2l", "tunnel-group " + x.here + " ipsec-attributes", " ikev1 pre-shared-key KEY"},
		[]string{"secrets {", "  ike-1 {", "    id-1 = " + x.peer, "    id-2 = " + x.here, "    secret = \"KEY\"", "  }", "}"},
		[]string{x.peer + " " + x.here + " : PSK \"KEY\""})
}

func fixIdentity(x *fixer) {
	if x.o.Kind == CertificateOfAnother {
		fixNames(x)
		return
	}
	x.ios("present the address, or the name that the peer wants", "crypto isakmp identity address")
	x.everywhere([]string{"crypto isakmp identity address"},
		[]string{"crypto isakmp identity address"},
		[]string{"local {", "  id = " + x.peer, "}", "remote {", "  id = " + x.here, "}"},
		[]string{"leftid=" + x.peer, "rightid=" + x.here})
}

func fixMode(x *fixer) {
	if x.o.Kind == AggressiveMode {
		x.ios("take aggressive mode, with all that it gives away of the key", "no crypto isakmp aggressive-mode disable")
	}
	x.everywhere([]string{"crypto isakmp peer address " + x.here, " no set aggressive-mode client-endpoint"},
		[]string{"crypto map NAME 10 set ikev1 phase1-mode main"},
		[]string{"aggressive = no"}, []string{"aggressive=no"})
}

func fixVersion(x *fixer) {
	x.everywhere([]string{"crypto map NAME 10 ipsec-isakmp", " no set ikev2-profile"},
		[]string{"crypto ikev1 enable outside", "crypto map NAME 10 set ikev1 transform-set SET"},
		[]string{"version = 1"}, []string{"keyexchange=ikev1"})
}

func fixConnection(x *fixer) {
	x.ios("name the peer", x.entry()+" ipsec-isakmp", " set peer "+x.peer)
	x.everywhere([]string{"crypto map NAME 10 ipsec-isakmp", " set peer " + x.here},
		[]string{"crypto map NAME 10 set peer " + x.here},
		[]string{"local_addrs  = " + x.peer, "remote_addrs = " + x.here},
		[]string{"left=" + x.peer, "right=" + x.here})
}

func fixMap(x *fixer) {
	switch {
	case x.o.Kind == NotEnabled && x.o.Detail == isakmpOff:
		x.ios("", "crypto isakmp enable")
	case x.o.Kind == InterfaceDown:
		x.ios("", "interface "+x.o.Place, " no shutdown")
	case x.o.Kind == MapIncomplete:
		x.ios("complete the entry", x.o.Place+" ipsec-isakmp", " set peer "+x.peer, " set transform-set SET", " match address LIST")
	case x.o.Kind == MapNotApplied:
		x.ios("on the interface that faces the peer", "interface INTERFACE", " "+x.o.Place)
	case x.f.weight == seen && x.o.Kind == NotEnabled:
		x.ios("on the interface that faces the peer", "interface INTERFACE", " crypto map NAME")
	default:
		x.everywhere([]string{"interface INTERFACE", " crypto map NAME"}, []string{"crypto map NAME interface outside"}, nil, nil)
	}
}
