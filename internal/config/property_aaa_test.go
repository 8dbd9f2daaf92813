package config

import (
	"fmt"
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"qmidle/internal/password"
	"qmidle/internal/secret"
)

// drawClients draws what is for clients of remote access. Nothing of it is in
// use: the crypto maps that have it are on no interface.
func drawClients(t *rapid.T, c *Config) {
	a := &c.AAA
	a.NewModel = rapid.Bool().Draw(t, "new-model")
	a.RADIUS = drawRADIUS(t)
	a.ServerGroups = distinct(t, "server groups", func(t *rapid.T) *ServerGroup { return drawServerGroup(t, c) }, func(g *ServerGroup) string { return g.Name })
	a.Login = distinct(t, "logins", drawMethods, func(l *MethodList) string { return l.Name })
	a.Network = distinct(t, "networks", drawMethods, func(l *MethodList) string { return l.Name })
	a.Accounting = distinct(t, "accountings", func(t *rapid.T) *MethodList {
		return &MethodList{Name: name(t, "list"), Methods: []Method{{MethodGroup, name(t, "group")}}, StopOnly: rapid.Bool().Draw(t, "stop only")}
	}, func(l *MethodList) string { return l.Name })
	a.Interim = time.Duration(rapid.IntRange(0, 71582).Draw(t, "interim")) * time.Minute
	a.Users = distinct(t, "users", drawUser, func(u *User) string { return u.Name })
	from := uint32(0x0a000001)
	c.Pools = distinct(t, "pools", func(t *rapid.T) *Pool { return drawPool(t, &from) }, func(p *Pool) string { return p.Name })
	c.ClientGroups = distinct(t, "groups", func(t *rapid.T) *ClientGroup { return drawGroup(t, c) }, func(g *ClientGroup) string { return g.Name })
	c.ISAKMP.XauthTimeout = time.Duration(rapid.IntRange(5, 90).Draw(t, "xauth timeout")) * time.Second
	if len(c.Pools) > 0 {
		c.ISAKMP.AddressPool = c.Pools[0].Name
	}
	c.EasyVPNs = distinct(t, "easy VPN clients", drawEasyVPN, func(v *EasyVPN) string { return v.Name })
	if rapid.Bool().Draw(t, "clients") {
		m := &CryptoMap{Name: "clients-of-nobody", Client: drawClient(t)}
		if m.Client != (Client{}) {
			c.CryptoMaps = append(c.CryptoMaps, m)
		}
	}
}

// drawEasyVPN draws a client that is on no interface.
func drawEasyVPN(t *rapid.T) *EasyVPN {
	v := &EasyVPN{Name: name(t, "client"), Connect: EasyVPNConnect(rapid.IntRange(0, 2).Draw(t, "connect")), Mode: EasyVPNMode(rapid.IntRange(0, 1).Draw(t, "mode")),
		Idle: rapid.SampledFrom([]int{0, 60, 86400}).Draw(t, "idle"), Stored: rapid.Bool().Draw(t, "stored")}
	if v.Connect == ConnectACL {
		v.ACL = name(t, "list")
	}
	if rapid.Bool().Draw(t, "group") {
		v.Group, v.Key = rapid.StringMatching(`[!-~]{1,64}`).Draw(t, "group name"), secret.FromString(rapid.StringMatching(`[!-~]{1,40}`).Draw(t, "group key"))
	}
	if rapid.Bool().Draw(t, "user") {
		v.User, v.Password = rapid.StringMatching(`[!-~]{1,64}`).Draw(t, "user name"), secret.FromString(rapid.StringMatching(`[!-~]{1,40}`).Draw(t, "password"))
	}
	if rapid.Bool().Draw(t, "server") {
		v.Peers = []Peer{{Addr: netip.MustParseAddr("192.0.2.1"), Default: rapid.Bool().Draw(t, "default")}, {Host: "vpn.example.com"}}
	}
	return v
}

func drawClient(t *rapid.T) Client {
	list := func(label string) string {
		return rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[A-Z]{1,8}`)).Draw(t, label)
	}
	return Client{Login: list("login"), Network: list("network"), Accounting: list("accounting"),
		Respond: rapid.Bool().Draw(t, "respond"), Initiate: rapid.Bool().Draw(t, "initiate")}
}

func drawMethods(t *rapid.T) *MethodList {
	l := &MethodList{Name: name(t, "list")}
	for range rapid.IntRange(1, maxMethods).Draw(t, "methods") {
		l.Methods = append(l.Methods, rapid.SampledFrom([]Method{{MethodLocal, "local"}, {MethodLocal, "local-case"}, {MethodGroup, "radius"}, {MethodGroup, "G"}, {Kind: MethodNone}, {MethodOther, "enable"}}).Draw(t, "method"))
	}
	return l
}

func drawUser(t *rapid.T) *User {
	u := &User{Name: rapid.StringMatching(`[!-~]{1,12}`).Draw(t, "user"), Privilege: rapid.IntRange(0, 15).Draw(t, "privilege")}
	clear := rapid.StringMatching(`[!-~é]( ?[!-~é]){0,20}`)
	u.Password.Type = rapid.SampledFrom([]password.Type{0, 5, 6, 7, 8, 9}).Draw(t, "type")
	switch u.Password.Type {
	case password.Clear:
		u.Password.Text = secret.FromString(rapid.OneOf(rapid.Just(""), clear).Draw(t, "password"))
	default:
		u.Password.Text = secret.FromString(rapid.StringMatching(`[!-~]{1,20}`).Draw(t, "stored"))
		u.Secret = u.Password.Type != 6 && u.Password.Type != password.Reversible
	}
	return u
}

func drawSharedKey(t *rapid.T) Key {
	clear := rapid.OneOf(rapid.StringMatching(`[!-~é]( ?[!-~é]){0,20}`), rapid.Just("7"), rapid.Just("0 x"), rapid.Just("6")).Draw(t, "key")
	switch rapid.IntRange(0, 2).Draw(t, "kind of key") {
	case 0:
		return Key{}
	case 1:
		return Key{Clear: secret.FromString("cisco"), Hidden: secret.FromString("094F471A1A0A")}
	}
	return Key{Clear: secret.FromString(clear)}
}

func drawRADIUS(t *rapid.T) RADIUS {
	r := RADIUS{
		Key:        drawSharedKey(t),
		Timeout:    time.Duration(rapid.IntRange(1, 1000).Draw(t, "timeout")) * time.Second,
		Retransmit: rapid.IntRange(0, 100).Draw(t, "retransmit"),
		DeadTime:   time.Duration(rapid.IntRange(0, 1440).Draw(t, "deadtime")) * time.Minute,
		Dead:       DeadCriteria{time.Duration(rapid.IntRange(0, 120).Draw(t, "dead time")) * time.Second, rapid.IntRange(0, 100).Draw(t, "dead tries")},
		Unsigned:   rapid.Bool().Draw(t, "unsigned"),
		CHAP:       rapid.Bool().Draw(t, "chap"),
	}
	r.Servers = distinct(t, "hosts", func(t *rapid.T) *RADIUSServer { return drawServer(t, "") }, (*RADIUSServer).String)
	r.Servers = append(r.Servers, distinct(t, "servers", func(t *rapid.T) *RADIUSServer { return drawServer(t, name(t, "server")) }, (*RADIUSServer).String)...)
	return r
}

func drawServer(t *rapid.T, name string) *RADIUSServer {
	s := &RADIUSServer{Name: name, Addr: address(t, "server"), AuthPort: rapid.Uint16().Draw(t, "auth-port"), AcctPort: rapid.Uint16().Draw(t, "acct-port"), Key: drawSharedKey(t)}
	s.Timeout = time.Duration(rapid.IntRange(0, 1000).Draw(t, "timeout")) * time.Second
	if rapid.Bool().Draw(t, "own retransmit") {
		n := rapid.IntRange(0, 100).Draw(t, "retransmit")
		s.Retransmit = &n
	}
	if name != "" && rapid.Bool().Draw(t, "no address") {
		s.Addr, s.AuthPort, s.AcctPort = netip.Addr{}, defaultAuthPort, defaultAcctPort
	}
	return s
}

func drawServerGroup(t *rapid.T, c *Config) *ServerGroup {
	g := &ServerGroup{Name: "G" + name(t, "server group")}
	for _, s := range c.AAA.RADIUS.Servers {
		switch {
		case rapid.Bool().Draw(t, "left out"):
		case s.Name != "":
			g.Servers = append(g.Servers, ServerRef{Name: s.Name})
		default:
			g.Servers = append(g.Servers, ServerRef{Addr: s.Addr, AuthPort: s.AuthPort, AcctPort: s.AcctPort})
		}
	}
	if rapid.Bool().Draw(t, "own deadtime") {
		d := time.Duration(rapid.IntRange(1, 1440).Draw(t, "deadtime")) * time.Minute
		g.DeadTime = &d
	}
	return g
}

// drawPool draws ranges behind those of the other pools.
func drawPool(t *rapid.T, from *uint32) *Pool {
	p := &Pool{Name: name(t, "pool"), Recycle: time.Duration(rapid.IntRange(0, 3600).Draw(t, "recycle")) * time.Second}
	for range rapid.IntRange(1, 3).Draw(t, "ranges") {
		low := *from + rapid.Uint32Range(0, 9).Draw(t, "gap")
		high := low + rapid.Uint32Range(0, 300).Draw(t, "size")
		p.Ranges = append(p.Ranges, PoolRange{addr4(low), addr4(high)})
		*from = high + 1
	}
	return p
}

func drawGroup(t *rapid.T, c *Config) *ClientGroup {
	g := &ClientGroup{
		Name: name(t, "group"), Domain: rapid.SampledFrom([]string{"", "example.com"}).Draw(t, "domain"),
		Key:          secret.FromString(rapid.OneOf(rapid.StringMatching(`[!-~é]{0,40}`), rapid.Just("0"), rapid.Just("6")).Draw(t, "key")),
		SavePassword: rapid.Bool().Draw(t, "save-password"), IncludeLocalLAN: rapid.Bool().Draw(t, "lan"), GroupLock: rapid.Bool().Draw(t, "lock"),
		PFS: rapid.Bool().Draw(t, "pfs"), Firewall: rapid.Bool().Draw(t, "firewall"),
		MaxUsers: rapid.IntRange(0, 5000).Draw(t, "users"), MaxLogins: rapid.IntRange(0, 10).Draw(t, "logins"),
		Banner: drawBanner(t), UDPPort: rapid.SampledFrom([]uint16{0, 4001, 10000}).Draw(t, "UDP port"),
	}
	two := func(label string) []netip.Addr {
		all := distinct(t, label, func(t *rapid.T) netip.Addr { return address(t, label) }, netip.Addr.String)
		return all[:min(len(all), 2)]
	}
	g.DNS, g.WINS = two("dns"), two("wins")
	host := func(t *rapid.T) string { return rapid.StringMatching(`[a-z]{1,8}\.example`).Draw(t, "host") }
	g.SplitDNS = distinct(t, "split dns", host, func(s string) string { return s })
	g.Backup = distinct(t, "backups", host, func(s string) string { return s })
	if rapid.Bool().Draw(t, "netmask") {
		g.Netmask = mask(rapid.IntRange(0, 32).Draw(t, "bits"))
	}
	if len(c.Pools) > 0 {
		g.Pool = c.Pools[0].Name
	}
	return g
}

func drawBanner(t *rapid.T) string {
	if rapid.Bool().Draw(t, "no banner") {
		return ""
	}
	text := rapid.StringMatching(`[!-~]{1,9}`).Draw(t, "word")
	for i := range rapid.IntRange(0, 4).Draw(t, "lines") {
		text += "\n" + rapid.StringMatching(`( *[!-~é]{1,9}){0,3}`).Draw(t, fmt.Sprint("line ", i))
	}
	return text
}
