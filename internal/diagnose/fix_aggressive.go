package diagnose

// fixAggressiveKey is fixKey for aggressive mode, whose responder finds the key by the
// identity that the initiator presents.
func fixAggressiveKey(x *fixer) {
	if x.o.Attr == AttrGroupName {
		x.ios("the group's key as the server has it", "crypto ipsec client ezvpn NAME", " group GROUP key KEY")
		x.everywhere([]string{"crypto isakmp client configuration group GROUP", " key KEY"}, nil,
			[]string{"secrets {", "  ike-1 {", "    id-1 = keyid:GROUP", "    secret = \"KEY\"", "  }", "}"}, nil)
		return
	}
	name := "NAME"
	if id := x.c.Phase1.Of(IdentitySeen).aggressively().where(func(o *Observation) bool { return o.Role == Responder }).Last(); id != nil {
		name = unquoted(id.Offered)
	}
	here, there := []string{"crypto isakmp key KEY hostname " + name}, []string{"crypto isakmp peer address " + x.here, " set aggressive-mode password KEY"}
	local, remote := x.here, name
	if x.o.Role == Initiator {
		here, there = []string{"crypto isakmp peer address " + x.peer, " set aggressive-mode password KEY"}, []string{"crypto isakmp key KEY hostname " + name}
		local, remote = name, x.peer
	}
	x.ios("the same KEY as at the peer", here...)
	x.everywhere(there, nil,
		[]string{"secrets {", "  ike-1 {", "    id-1 = " + remote, "    id-2 = " + local, "    secret = \"KEY\"", "  }", "}"},
		[]string{remote + " " + local + " : PSK \"KEY\""})
}

// unquoted is an identity without its quotes.
func unquoted(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
