package config

import (
	"cmp"
	"slices"
	"strings"

	"qmidle/internal/password"
)

// checkAAA looks at users, groups, pools and servers, and at what is to be done
// with clients.
func (e *Editor) checkAAA() {
	e.checkPools()
	for _, g := range e.cfg.ClientGroups {
		e.checkGroup(g)
	}
	if p := e.cfg.ISAKMP.AddressPool; p != "" {
		e.checkPoolUse(p, "isakmp address-pool")
	}
	for _, u := range e.cfg.AAA.Users {
		e.checkUser(u)
	}
	e.checkServers()
	for _, m := range e.cfg.CryptoMaps {
		e.checkClient(m.Client, mapMark(m.Name), "crypto map "+m.Name)
	}
	for _, p := range e.cfg.Profiles {
		e.checkClient(p.Client, profileMark(p.Name), "profile "+p.Name)
	}
}

// checkPools looks for addresses that are in two pools: two clients would have
// them.
func (e *Editor) checkPools() {
	type of struct {
		PoolRange
		pool string
	}
	var all []of
	for _, p := range e.cfg.Pools {
		for _, r := range p.Ranges {
			all = append(all, of{r, p.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b of) int { return a.Low.Compare(b.Low) })
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.overlaps(b.PoolRange) && a.pool != b.pool {
			e.find(Error, CodeValue, poolMark(b.pool), "", "%%IP address range overlaps with pool: %s", a.pool)
		}
	}
}

func (e *Editor) checkPoolUse(name, key string) {
	if e.cfg.Pool(name) == nil {
		e.find(Error, CodeReference, key, e.similar("local pool", name, e.cfg.poolNames), "there is no local pool %s", name)
	}
}

func (c *Config) poolNames() (names []string) {
	for _, p := range c.Pools {
		names = append(names, p.Name)
	}
	return names
}

func (e *Editor) checkGroup(g *ClientGroup) {
	key := groupMark(g.Name)
	if g.Pool != "" {
		e.checkPoolUse(g.Pool, key+" pool")
	}
	if g.ACL != "" {
		e.checkSplit(g, key+" acl")
	}
	for _, b := range g.Backup {
		if _, ok := parseAddr(b); !ok {
			e.find(Warning, CodeUnsupported, key, "name its address", "the backup gateway %s of group %s is not told to clients: they are told addresses", b, g.Name)
		}
	}
	if g.Firewall {
		e.find(Warning, CodeUnused, key+" firewall", "", "`firewall are-u-there` has no effect: what a client says about its firewall proves nothing")
	}
	if g.Key.IsZero() {
		e.find(Warning, CodeDisabled, key, "write `key` below it", "group %s has no key: its clients cannot use pre-shared keys", g.Name)
	}
}

// checkSplit looks at what a group's clients are to send through the tunnel: the
// sources of the list's permits.
func (e *Editor) checkSplit(g *ClientGroup, key string) {
	l := e.lists[g.ACL]
	if l == nil {
		e.find(Error, CodeReference, key, e.similar("extended access list", g.ACL, e.cfg.listNames), "there is no access list %s", g.ACL)
		return
	}
	for _, x := range l.Entries {
		if _, ok := x.Src.Prefix(); x.Permit && !ok {
			e.find(Error, CodeValue, key, "", "%s cannot be told to a client: a wildcard with holes is no subnet", x)
		}
	}
}

func (e *Editor) checkUser(u *User) {
	key := userMark(u.Name)
	switch err := u.Password.Check(); {
	case u.Password.Text.IsZero(): // perhaps of a terminal only
	case err == password.ErrUnknownType:
		e.find(Warning, CodeUnsupported, key, "write `username "+u.Name+" secret` with a password", "user %s cannot log in: passwords of type %d cannot be checked", u.Name, u.Password.Type)
	case err != nil:
		e.find(Warning, CodeDisabled, key, "write `username "+u.Name+" secret` with a password", "user %s cannot log in: this is not how a password of type %d is stored", u.Name, u.Password.Type)
	}
}

// checkServers looks for servers that cannot be asked, and groups without any.
func (e *Editor) checkServers() {
	r := &e.cfg.AAA.RADIUS
	if r.Unsigned {
		e.find(Warning, CodeWeak, "radius unsigned", "", "answers without a Message-Authenticator are taken: who stands between can turn a reject into an accept (BlastRADIUS)")
	}
	for _, s := range r.Servers {
		if word := optionIn(s.Key); word != "" {
			e.find(Warning, CodeValue, serverMark(s), "write `key` at the end of the line", "the key of RADIUS server %s has the word `%s` in it: a key goes on to the end of its line", s, word)
		}
		switch {
		case !s.Addr.IsValid():
			e.find(Warning, CodeDisabled, serverMark(s), "write `address ipv4` below it", "RADIUS server %s has no address: it is not asked", s)
		case r.KeyOf(s).IsZero():
			e.find(Warning, CodeDisabled, serverMark(s), "write `key`, or `radius-server key`", "RADIUS server %s has no key: it is not asked", s)
		}
	}
	for _, g := range e.cfg.AAA.ServerGroups {
		if len(g.Servers) == 0 {
			e.find(Warning, CodeUnused, serverGroupMark(g.Name), "write `server` below it", "server group %s has no server", g.Name)
		}
		for _, ref := range g.Servers {
			if r.server(ref) == nil {
				e.find(Error, CodeReference, refMark(g, ref), "define it with `radius server NAME` or `radius-server host`", "there is no RADIUS server %s", ref)
			}
		}
	}
}

// optionIn is an option of a server that was written behind its key, "" for none.
func optionIn(k Key) string {
	for i, word := range strings.Fields(string(k.Clear.Reveal())) {
		if i > 0 && slices.Contains([]string{"timeout", "retransmit", "auth-port", "acct-port"}, word) {
			return word
		}
	}
	return ""
}

// checkClient looks for the lists that a crypto map or a profile names. Without
// them nobody can log in, which is for a running gateway to enforce: a part of a
// configuration can still be read.
func (e *Editor) checkClient(c Client, owner, who string) {
	if c == (Client{}) {
		return
	}
	a := &e.cfg.AAA
	at := func(kind string) string { return clientMark(owner, kind) }
	if !a.NewModel && (c.Login != "" || c.Network != "" || c.Accounting != "") {
		e.find(Warning, CodeReference, cmp.Or(e.markOf(at("authentication")), e.markOf(at("authorization")), at("accounting")),
			"write `aaa new-model`", "%s names AAA lists, which are without effect before `aaa new-model`: nobody can log in", who)
	}
	lists := []struct {
		kind, command, name string
		list                *MethodList
	}{
		{"authentication", "aaa authentication login", c.Login, a.LoginList(c.Login)},
		{"authorization", "aaa authorization network", c.Network, a.NetworkList(c.Network)},
		{"accounting", "aaa accounting network", c.Accounting, a.AccountingList(c.Accounting)},
	}
	for _, l := range lists {
		switch {
		case l.name == "":
		case l.list == nil:
			e.find(Warning, CodeReference, at(l.kind), "write `"+l.command+" "+l.name+"` with its methods", "there is no list %s of `%s`: nobody can log in", l.name, l.command)
		default:
			e.checkMethods(l.list, at(l.kind), l.kind)
		}
	}
	if l := a.NetworkList(c.Network); l.AsksServers() {
		e.checkOwnGroups(l, at("authorization"))
	}
}

// checkOwnGroups looks for groups with a key that a list of servers does not ask for.
func (e *Editor) checkOwnGroups(l *MethodList, key string) {
	own := slices.ContainsFunc(l.Methods, func(m Method) bool { return m.Kind == MethodLocal })
	i := slices.IndexFunc(e.cfg.ClientGroups, func(g *ClientGroup) bool { return !g.Key.IsZero() })
	if own || i < 0 {
		return
	}
	e.find(Warning, CodeUnused, key, "write `local` into the list, before or behind the servers",
		"list %s asks servers alone: group %s of this configuration, with its key, is not used", l.Name, e.cfg.ClientGroups[i].Name)
}

// markOf is a key under which something was written, else "".
func (e *Editor) markOf(key string) string {
	if _, ok := e.marks[key]; ok {
		return key
	}
	return ""
}

// checkMethods looks at the methods of a list that clients use.
func (e *Editor) checkMethods(l *MethodList, key, kind string) {
	for _, m := range l.Methods {
		switch m.Kind {
		case MethodOther:
			e.find(Warning, CodeUnsupported, key, "use `local` or `group radius`", "list %s has the method `%s`, which is a terminal's and not for clients", l.Name, m)
		case MethodNone:
			if kind == "authentication" {
				e.find(Warning, CodeWeak, key, "", "list %s has the method `none`: where the others do not answer, everybody passes", l.Name)
			}
		case MethodGroup:
			e.checkServersOf(m.Name, l.Name, key)
		case MethodLocal:
			if kind == "authentication" && !slices.ContainsFunc(e.cfg.AAA.Users, func(u *User) bool { return !u.Password.Text.IsZero() }) {
				e.find(Warning, CodeReference, key, "write `username NAME secret PASSWORD`", "list %s asks for local users, and there are none with a password", l.Name)
			}
			if kind == "authorization" && len(e.cfg.ClientGroups) == 0 {
				e.find(Warning, CodeReference, key, "write `crypto isakmp client configuration group NAME`", "list %s asks for local groups, and there are none", l.Name)
			}
		}
	}
}

func (e *Editor) checkServersOf(group, list, key string) {
	servers, _ := e.cfg.AAA.ServersOf(group)
	switch {
	case group != GroupRADIUS && e.cfg.ServerGroup(group) == nil:
		e.find(Warning, CodeReference, key, "write `aaa group server radius "+group+"`", "list %s asks the servers of group %s, which does not exist", list, group)
	case len(servers) == 0:
		e.find(Warning, CodeReference, key, "write `radius server NAME`", "list %s asks RADIUS servers, and there are none", list)
	}
}
