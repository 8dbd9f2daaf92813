package config

import (
	"slices"
	"strings"
)

// profileNodes follow `crypto isakmp profile`.
var profileNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "profile", Help: "Name of the profile", Do: enterProfile, No: noProfile, Next: []*node{
		{Text: "accounting", Help: "Enable AAA Accounting for IPsec Sessions", Unsupported: "accounting of an ISAKMP profile", Scope: ScopeProfile, Block: true},
	}},
}

var profileMode = mode{name: "ISAKMP profile", prompt: "conf-isa-prof", nodes: []*node{
	{Text: "accounting", Help: "Enable AAA Accounting for IPsec Sessions", Unsupported: "accounting of an ISAKMP profile", Scope: ScopeProfile},
	{Text: "ca", Help: "Specify certificate authorities to trust", Next: []*node{
		{Text: "trust-point", Help: "Certificate authorities to trust", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "name", Help: "Trustpoint label", Do: addToProfile("trustpoint", func(p *ISAKMPProfile) *[]string { return &p.Trustpoints }),
				No: removeFromProfile("trustpoint", func(p *ISAKMPProfile) *[]string { return &p.Trustpoints })},
		}},
	}},
	{Text: "client", Help: "Specify client configuration settings", Next: clientNodes(setProfileClient, profileGroupNode)},
	{Text: "description", Help: "Specify a description of this profile", Do: noProfileDescription, No: noProfileDescription, Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "description", Help: "Up to 80 characters", Do: setProfileDescription},
	}},
	{Text: "initiate", Help: "Initiator property", Next: []*node{
		{Text: "mode", Help: "Mode of the exchange", Next: []*node{
			{Text: "aggressive", Help: "Initiate Aggressive Mode exchange", Do: setProfileAggressive(true), No: setProfileAggressive(false)},
		}},
	}},
	{Text: "isakmp", Help: "ISAKMP Authorization command", Next: networkNodes(setProfileClient)},
	{Text: "keepalive", Help: "Set a keepalive interval for use with IOS peers", No: noProfileKeepalive, Next: []*node{
		{Kind: Number, Lo: 10, Hi: 3600, Arg: "interval", Help: "Number of seconds between keep alives", Next: []*node{
			{Text: "retry", Help: "Time between retries", Next: []*node{
				{Kind: Number, Lo: 2, Hi: 60, Arg: "retry", Help: "Number of seconds between retries", Do: setProfileKeepalive},
			}},
		}},
	}},
	{Text: "keyring", Help: "Specify the keyrings to use", No: noProfileKeyring, Next: loop([]*node{
		{Kind: Word, Text: "WORD", Arg: "keyring", Help: "Name of a keyring; default for the global keys", Do: addProfileKeyring, No: noProfileKeyring},
	})},
	{Text: "local-address", Help: "Interface or address the profile is for", No: noProfileLocal, Next: localEndpointNodes(setProfileLocal)},
	{Text: "match", Help: "Match values of peer", Next: []*node{
		{Text: "certificate", Help: "Match a peer's certificate by map", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "name", Help: "Certificate map label", Do: addToProfile("map", func(p *ISAKMPProfile) *[]string { return &p.CertMaps }),
				No: removeFromProfile("certificate map", func(p *ISAKMPProfile) *[]string { return &p.CertMaps })},
		}},
		{Text: "identity", Help: "Match a peer identity", Next: matchIdentityNodes},
	}},
	{Text: "no-xauth", Help: "Disable xauth on this profile", Unsupported: "XAUTH of an ISAKMP profile"},
	{Text: "qos-group", Help: "Apply a Qos policy class map for this profile", Unsupported: "QoS of an ISAKMP profile", Scope: ScopeProfile},
	{Text: "self-identity", Help: "Specify Identity to use", No: noSelfIdentity, Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Use this IP address", Do: setSelfIdentity(SelfAddress)},
		{Text: "address", Help: "Use the address of the local interface", Do: setSelfIdentity(SelfAddress), Next: []*node{
			{Text: "ipv6", Help: "Use an IPv6 address", Unsupported: "an IPv6 identity", Scope: ScopeProfile},
		}},
		{Text: "fqdn", Help: "Use a host name", Do: setSelfIdentity(SelfFQDN), Next: []*node{
			{Kind: Host, Text: "WORD", Arg: "identity", Help: "Host name; the gateway's own without it", Do: setSelfIdentity(SelfFQDN)},
		}},
		{Text: "user-fqdn", Help: "Use a user and host name", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "identity", Help: "user@host", Do: setSelfIdentity(SelfUserFQDN)},
		}},
	}},
	{Text: "virtual-template", Help: "Specify the virtual-template for dynamic interfaces", Unsupported: "a virtual template of an ISAKMP profile", Scope: ScopeProfile},
	{Text: "vrf", Help: "Specify the VRF it is related to", Unsupported: "the VRF of an ISAKMP profile", Scope: ScopeProfile},
}}

var matchIdentityNodes = []*node{
	{Text: "address", Help: "IP Address(es)", Next: []*node{
		{Text: "ipv6", Help: "IPv6 Address", Unsupported: "matching of an IPv6 address", Scope: ScopeProfile},
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address prefix; 0.0.0.0 for any", Do: addMatch(MatchAddress), No: noMatch(MatchAddress), Next: slices.Concat([]*node{
			{Kind: Netmask, Text: "A.B.C.D", Arg: "mask", Help: "Specify mask", Do: addMatch(MatchAddress), No: noMatch(MatchAddress), Next: matchVRF},
		}, matchVRF)},
	}},
	{Text: "group", Help: "Match a Unity client group", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "identity", Help: "Group name", Do: addMatch(MatchGroup), No: noMatch(MatchGroup)},
	}},
	{Text: "host", Help: "Match a hostname/domain", Next: []*node{
		{Text: "domain", Help: "Match a domain", Next: []*node{
			{Kind: Host, Text: "WORD", Arg: "identity", Help: "Domain name", Do: addMatch(MatchHostDomain), No: noMatch(MatchHostDomain)},
		}},
		{Kind: Host, Text: "WORD", Arg: "identity", Help: "Fully qualified host name", Do: addMatch(MatchHost), No: noMatch(MatchHost)},
	}},
	{Text: "user", Help: "Match a user-fqdn/domain", Next: []*node{
		{Text: "domain", Help: "Match a domain", Next: []*node{
			{Kind: Host, Text: "WORD", Arg: "identity", Help: "Domain name", Do: addMatch(MatchUserDomain), No: noMatch(MatchUserDomain)},
		}},
		{Kind: Word, Text: "WORD", Arg: "identity", Help: "user@host", Do: addMatch(MatchUser), No: noMatch(MatchUser)},
	}},
}

var matchVRF = []*node{{Kind: Host, Text: "WORD", Help: "Front-door VRF", Unsupported: "matching in a VRF", Scope: ScopeProfile}}

func profileMark(name string) string { return "isakmp profile " + name }

func enterProfile(e *Editor, a Args) *Problem {
	name := a.Text("profile")
	e.enter(&profileMode)
	e.profile = e.cfg.Profile(name)
	if e.profile != nil {
		e.again(profileMark(name), a, "profile")
		return nil
	}
	e.profile = &ISAKMPProfile{Name: name}
	e.cfg.Profiles = append(e.cfg.Profiles, e.profile)
	e.remember(profileMark(name), a, "profile")
	return nil
}

func noProfile(e *Editor, a Args) *Problem {
	before := len(e.cfg.Profiles)
	e.cfg.Profiles = slices.DeleteFunc(e.cfg.Profiles, func(p *ISAKMPProfile) bool { return p.Name == a.Text("profile") })
	if len(e.cfg.Profiles) == before {
		return &Problem{Code: CodeReference, Arg: "profile", Message: "there is no such ISAKMP profile"}
	}
	e.enter(nil)
	return nil
}

func setProfileDescription(e *Editor, a Args) *Problem {
	e.profile.Description = a.Text("description")
	return nil
}

func noProfileDescription(e *Editor, _ Args) *Problem {
	e.profile.Description = ""
	return nil
}

func setProfileAggressive(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.profile.Aggressive = on
		e.remember(profileMark(e.profile.Name)+" aggressive", a, "")
		return nil
	}
}

func setProfileKeepalive(e *Editor, a Args) *Problem {
	e.profile.Keepalive = &Keepalive{Interval: seconds(a, "interval"), Retry: seconds(a, "retry")}
	e.remember(profileMark(e.profile.Name)+" keepalive", a, "interval")
	return nil
}

func noProfileKeepalive(e *Editor, _ Args) *Problem {
	e.profile.Keepalive = nil
	return nil
}

// addProfileKeyring reads `keyring`, which adds to the list.
func addProfileKeyring(e *Editor, a Args) *Problem {
	for _, arg := range a {
		if !slices.Contains(e.profile.Keyrings, arg.Text) {
			e.profile.Keyrings = append(e.profile.Keyrings, arg.Text)
		}
		e.marks[profileMark(e.profile.Name)+" keyring "+arg.Text] = e.at(a, arg.Token)
	}
	return nil
}

func noProfileKeyring(e *Editor, a Args) *Problem {
	names := a.Texts("keyring")
	if len(names) == 0 {
		e.profile.Keyrings = nil
		return nil
	}
	before := len(e.profile.Keyrings)
	e.profile.Keyrings = slices.DeleteFunc(e.profile.Keyrings, func(k string) bool { return slices.Contains(names, k) })
	if len(e.profile.Keyrings) == before {
		return &Problem{Code: CodeReference, Message: "the profile has no such keyring"}
	}
	return nil
}

// addToProfile adds a name to a list of a profile's; what is how its place is marked.
func addToProfile(what string, list func(*ISAKMPProfile) *[]string) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		name, all := a.Text("name"), list(e.profile)
		if !slices.Contains(*all, name) {
			*all = append(*all, name)
		}
		e.remember(profileMark(e.profile.Name)+" "+what+" "+name, a, "name")
		return nil
	}
}

func removeFromProfile(what string, list func(*ISAKMPProfile) *[]string) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		name, all := a.Text("name"), list(e.profile)
		if !slices.Contains(*all, name) {
			return &Problem{Code: CodeReference, Arg: "name", Message: "the profile has no such " + what}
		}
		*all = slices.DeleteFunc(*all, func(n string) bool { return n == name })
		return nil
	}
}

func setProfileLocal(e *Editor, a Args) *Problem {
	return e.setLocal(&e.profile.Local, profileMark(e.profile.Name), a)
}

func noProfileLocal(e *Editor, _ Args) *Problem {
	e.profile.Local = LocalEndpoint{}
	return nil
}

func setSelfIdentity(t SelfIdentityType) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		if t == SelfUserFQDN && !userFQDN(a.Text("identity")) {
			return notUserFQDN
		}
		e.profile.SelfIdentity = SelfIdentity{Type: t, Addr: a.Addr("address"), Name: a.Text("identity")}
		e.remember(profileMark(e.profile.Name)+" identity", a, "")
		return nil
	}
}

func noSelfIdentity(e *Editor, _ Args) *Problem {
	e.profile.SelfIdentity = SelfIdentity{}
	return nil
}

var notUserFQDN = &Problem{Code: CodeValue, Arg: "identity", Message: "a user FQDN is a user and a host name, as user@example.com"}

// userFQDN says whether text is a user, an @ and a host name.
func userFQDN(text string) bool {
	at := strings.LastIndexByte(text, '@')
	return at > 0 && hostname(text[at+1:])
}

func identityMatch(kind MatchKind, a Args) (IdentityMatch, *Problem) {
	m := IdentityMatch{Kind: kind, Name: a.Text("identity")}
	switch kind {
	case MatchAddress:
		m.Prefix = rangeOf(a, "address", "mask")
	case MatchUser:
		if !userFQDN(m.Name) {
			return m, notUserFQDN
		}
	}
	return m, nil
}

func addMatch(kind MatchKind) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		m, p := identityMatch(kind, a)
		if p == nil && !slices.Contains(e.profile.Match, m) {
			e.profile.Match = append(e.profile.Match, m)
			e.remember(matchMark(e.profile.Name, m), a, "")
		}
		return p
	}
}

func matchMark(profile string, m IdentityMatch) string {
	return profileMark(profile) + " match " + m.trimmed()
}

func noMatch(kind MatchKind) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		m, p := identityMatch(kind, a)
		if p != nil {
			return p
		}
		before := len(e.profile.Match)
		e.profile.Match = slices.DeleteFunc(e.profile.Match, func(o IdentityMatch) bool { return o == m })
		if len(e.profile.Match) == before {
			return &Problem{Code: CodeReference, Message: "the profile does not match this identity"}
		}
		return nil
	}
}
