package diagnose

// The group, user and pool that a finding is about stand in its text; here GROUP,
// USER and POOL stand for them.

func fixUser(x *fixer) {
	switch x.o.Kind {
	case AAASilent:
		x.ios("see whom this end asks, and how that goes", "debug aaa authentication", "debug radius")
		return
	case ClientLimited:
		x.ios("allow more logins, or end the other one", "crypto isakmp client configuration group GROUP", " max-logins 2")
		return
	}
	if x.o.Place == placeClient {
		x.ios("name the user, in the configuration or when the server asks", "crypto ipsec client ezvpn NAME", " username USER password PASSWORD", " xauth userid mode local")
		x.everywhere([]string{"debug aaa authentication", "username USER secret PASSWORD"}, nil, nil, nil)
		return
	}
	x.ios("see what AAA says, and set the password anew", "debug aaa authentication", "username USER secret PASSWORD")
}

func fixXAUTH(x *fixer) {
	x.ios("a gateway has no user", "crypto isakmp key KEY address "+x.peer+" no-xauth")
	x.ios("clients have one", "crypto map NAME client authentication list LIST")
}

func fixGroup(x *fixer) {
	if x.o.Place == placeAAA {
		x.ios("see what the servers say of the group, which is a user of theirs with the password cisco and the key as ipsec:tunnel-password",
			"debug aaa authorization", "debug radius")
		return
	}
	x.ios("name the group as the client does", "crypto isakmp client configuration group GROUP", " key KEY", " pool POOL")
}

func fixPool(x *fixer) {
	if len(x.c.All.Of(ConfigAsked)) > 0 { // this end is the client
		x.everywhere([]string{"show ip local pool", "ip local pool POOL FIRST LAST", "crypto isakmp client configuration group GROUP", " pool POOL", " max-logins 2"}, nil, nil, nil)
		return
	}
	x.ios("see who has the addresses, and add a range", "show ip local pool", "ip local pool POOL FIRST LAST")
}
