package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

func (c *Config) writeAAA(w *writer) {
	a := &c.AAA
	if a.NewModel {
		w.line("aaa new-model")
		w.line("!")
	}
	for _, g := range a.ServerGroups {
		g.write(w)
	}
	for _, l := range a.Login {
		w.line("aaa authentication login %s %s", l.Name, l.words())
	}
	for _, l := range a.Network {
		w.line("aaa authorization network %s %s", l.Name, l.words())
	}
	if a.Interim > 0 {
		w.line("aaa accounting update periodic %d", int(a.Interim/time.Minute))
	}
	for _, l := range a.Accounting {
		when := "start-stop"
		if l.StopOnly {
			when = "stop-only"
		}
		w.line("aaa accounting network %s %s %s", l.Name, when, l.words())
	}
	if a.NewModel || len(a.Login)+len(a.Network)+len(a.Accounting) > 0 {
		w.line("!")
	}
	for _, u := range a.Users {
		u.write(w)
	}
	if len(a.Users) > 0 {
		w.line("!")
	}
}

func (l *MethodList) words() string {
	var all []string
	for _, m := range l.Methods {
		all = append(all, m.String())
	}
	return strings.Join(all, " ")
}

// String is the method as a list has it: "local", "group radius".
func (m Method) String() string {
	switch m.Kind {
	case MethodGroup:
		return "group " + m.Name
	case MethodNone:
		return "none"
	}
	return m.Name
}

func (u *User) write(w *writer) {
	s := "username " + u.Name
	if u.Privilege != 1 {
		s += " privilege " + strconv.Itoa(u.Privilege)
	}
	if u.Password.Text.IsZero() {
		w.line("%s", s)
		return
	}
	kind := " password "
	if u.Secret {
		kind = " secret "
	}
	w.line("%s%s%d %s", s, kind, u.Password.Type, u.Password.Text.Reveal())
}

func (g *ServerGroup) write(w *writer) {
	w.line("aaa group server radius %s", g.Name)
	for _, ref := range g.Servers {
		w.line(" server %s", ref)
	}
	if g.DeadTime != nil {
		w.line(" deadtime %d", int(*g.DeadTime/time.Minute))
	}
	w.line("!")
}

// String is the server as a group's line has it.
func (r ServerRef) String() string {
	if r.Name != "" {
		return "name " + r.Name
	}
	return r.Addr.String() + ports(r.AuthPort, r.AcctPort)
}

func ports(auth, acct uint16) string {
	return " auth-port " + strconv.Itoa(int(auth)) + " acct-port " + strconv.Itoa(int(acct))
}

func (c *Config) writeRADIUS(w *writer) {
	r := &c.AAA.RADIUS
	if r.Unsigned {
		w.line("qmidle radius message-authenticator optional")
	}
	if r.CHAP {
		w.line("qmidle radius chap")
	}
	if r.Dead != (DeadCriteria{}) {
		w.line("radius-server dead-criteria%s", r.Dead.words())
	}
	for _, s := range r.Servers {
		if s.Name == "" {
			w.line("radius-server host %s", s.hostWords())
		}
	}
	if r.Retransmit != defaultRADIUSRetransmit {
		w.line("radius-server retransmit %d", r.Retransmit)
	}
	if r.Timeout != defaultRADIUSTimeout {
		w.line("radius-server timeout %d", inSeconds(r.Timeout))
	}
	if r.DeadTime > 0 {
		w.line("radius-server deadtime %d", int(r.DeadTime/time.Minute))
	}
	if k := r.Key.words(); k != "" {
		w.line("radius-server key %s", k)
	}
	for _, s := range r.Servers {
		if s.Name != "" {
			s.write(w)
		}
	}
}

func (d DeadCriteria) words() (s string) {
	if d.Time > 0 {
		s += " time " + strconv.Itoa(inSeconds(d.Time))
	}
	if d.Tries > 0 {
		s += " tries " + strconv.Itoa(d.Tries)
	}
	return s
}

func (s *RADIUSServer) hostWords() string {
	words := s.Addr.String() + ports(s.AuthPort, s.AcctPort)
	if s.Timeout > 0 {
		words += " timeout " + strconv.Itoa(inSeconds(s.Timeout))
	}
	if s.Retransmit != nil {
		words += " retransmit " + strconv.Itoa(*s.Retransmit)
	}
	if k := s.Key.words(); k != "" {
		words += " key " + k
	}
	return words
}

func (s *RADIUSServer) write(w *writer) {
	w.line("!")
	w.line("radius server %s", s.Name)
	if s.Addr.IsValid() {
		w.line(" address ipv4 %s%s", s.Addr, ports(s.AuthPort, s.AcctPort))
	}
	if s.Timeout > 0 {
		w.line(" timeout %d", inSeconds(s.Timeout))
	}
	if s.Retransmit != nil {
		w.line(" retransmit %d", *s.Retransmit)
	}
	if k := s.Key.words(); k != "" {
		w.line(" key %s", k)
	}
}

// words are the key as it was written. One in clear that would be read as the
// kind of key has its kind before it.
func (k Key) words() string {
	if !k.Hidden.IsZero() {
		return "7 " + string(k.Hidden.Reveal())
	}
	clear := string(k.Clear.Reveal())
	if first, _, _ := strings.Cut(clear, " "); first == "0" || first == "6" || first == "7" {
		return "0 " + clear
	}
	return clear
}

func (c *Config) writePools(w *writer) {
	for _, p := range c.Pools {
		for i, r := range p.Ranges {
			s := "ip local pool " + p.Name + " " + r.Low.String()
			if r.High != r.Low {
				s += " " + r.High.String()
			}
			if i == 0 && p.Recycle > 0 {
				s += " recycle delay " + strconv.Itoa(inSeconds(p.Recycle))
			}
			w.line("%s", s)
		}
	}
	if len(c.Pools) > 0 {
		w.line("!")
	}
}

func (g *ClientGroup) write(w *writer) {
	w.line("crypto isakmp client configuration group %s", g.Name)
	if !g.Key.IsZero() {
		w.line(" key %s", PresharedKey{Key: g.Key}.word())
	}
	addresses := func(word string, all []string) {
		if len(all) > 0 {
			w.line(" %s %s", word, strings.Join(all, " "))
		}
	}
	addresses("dns", addrWords(g.DNS))
	addresses("wins", addrWords(g.WINS))
	texts := func(word string, all ...string) {
		for _, s := range all {
			if s != "" {
				w.line(" %s %s", word, s)
			}
		}
	}
	texts("domain", g.Domain)
	texts("pool", g.Pool)
	texts("acl", g.ACL)
	texts("split-dns", g.SplitDNS...)
	texts("backup-gateway", g.Backup...)
	g.writeSwitches(w)
	if g.MaxUsers > 0 {
		w.line(" max-users %d", g.MaxUsers)
	}
	if g.MaxLogins > 0 {
		w.line(" max-logins %d", g.MaxLogins)
	}
	if g.Netmask.IsValid() {
		w.line(" netmask %s", g.Netmask)
	}
	if g.UDPPort > 0 {
		w.line(" qmidle ipsec-udp-port %d", g.UDPPort)
	}
	if g.Banner != "" {
		d := bannerDelimiterFor(g.Banner)
		w.line(" banner %s%s%s", d, g.Banner, d)
	}
}

func addrWords(all []netip.Addr) (words []string) {
	for _, a := range all {
		words = append(words, a.String())
	}
	return words
}

func (g *ClientGroup) writeSwitches(w *writer) {
	for _, s := range []struct {
		on   bool
		word string
	}{{g.SavePassword, "save-password"}, {g.Firewall, "firewall are-u-there"}, {g.GroupLock, "group-lock"}, {g.IncludeLocalLAN, "include-local-lan"}, {g.PFS, "pfs"}} {
		if s.on {
			w.line(" %s", s.word)
		}
	}
}

// bannerDelimiterFor is one that a banner does not have: IOS's, where it can be.
func bannerDelimiterFor(text string) string {
	for _, d := range []string{"^C", "\x03", "#", "$", "%", "~", "|", "@"} {
		if !strings.Contains(text, d) && !strings.HasSuffix(text, d[:1]) {
			return d
		}
	}
	return string(rune(0x2016)) // no keyboard has it
}

// write shows what is done with clients; before is "crypto map NAME " or the
// profile's blanks.
func (c Client) write(w *writer, before string) {
	for _, l := range []struct{ words, name string }{
		{"client authentication list ", c.Login},
		{"client accounting list ", c.Accounting},
		{"isakmp authorization list ", c.Network},
	} {
		if l.name != "" {
			w.line("%s%s%s", before, l.words, l.name)
		}
	}
	if c.Initiate {
		w.line("%sclient configuration address initiate", before)
	}
	if c.Respond {
		w.line("%sclient configuration address respond", before)
	}
}
