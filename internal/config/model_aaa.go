package config

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/password"
	"qmidle/internal/secret"
)

// AAA is who may log in, and who is asked: the `aaa` commands, users, and RADIUS
// servers.
type AAA struct {
	NewModel     bool           // `aaa new-model`
	Login        []*MethodList  // `aaa authentication login`
	Network      []*MethodList  // `aaa authorization network`
	Accounting   []*MethodList  // `aaa accounting network`, of groups only
	Interim      time.Duration  // `aaa accounting update periodic`; 0: none
	Users        []*User        // in the order of their first line
	ServerGroups []*ServerGroup // in the order of their first line
	RADIUS       RADIUS
}

// MethodList is a named list of methods that are tried in order: the next one is
// asked where one does not answer, not where it refuses.
type MethodList struct {
	Name     string
	Methods  []Method
	StopOnly bool // of accounting: `stop-only`
}

// AsksServers says whether a list has a group of servers; nil has none.
func (l *MethodList) AsksServers() bool {
	return l != nil && slices.ContainsFunc(l.Methods, func(m Method) bool { return m.Kind == MethodGroup })
}

// MethodKind is where a Method looks.
type MethodKind uint8

// Kinds of Method.
const (
	MethodLocal MethodKind = iota // the users or groups of this configuration
	MethodGroup                   // the servers of a group, GroupRADIUS all of them
	MethodNone                    // nobody is asked, everybody passes
	MethodOther                   // what a router's own terminals may use
)

// Method is one entry of a MethodList.
type Method struct {
	Kind MethodKind
	Name string // the group with MethodGroup; the word with MethodLocal and MethodOther
}

// GroupRADIUS is the name that stands for every RADIUS server.
const GroupRADIUS = "radius"

// User is one `username`.
type User struct {
	Name      string
	Privilege int             // 1 by default
	Password  password.Stored // an empty Text: the user has none, and cannot log in
	Secret    bool            // `secret`, not `password`
}

// RADIUS is what holds for every RADIUS server that does not say otherwise.
type RADIUS struct {
	Servers    []*RADIUSServer // in the order of their first line
	Key        Key
	Timeout    time.Duration
	Retransmit int // sendings after the first
	DeadTime   time.Duration
	Dead       DeadCriteria
	// Unsigned takes answers without a Message-Authenticator:
	// `qmidle radius message-authenticator optional`.
	Unsigned bool
	CHAP     bool // `qmidle radius chap`
}

// DeadCriteria is `radius-server dead-criteria`: a server is taken for dead when
// it has not answered for Time, nor Tries sendings. Zero values are IOS's own.
type DeadCriteria struct {
	Time  time.Duration
	Tries int
}

// IOS's values, where the file has none.
const (
	defaultRADIUSTimeout    = 5 * time.Second
	defaultRADIUSRetransmit = 3
	defaultAuthPort         = 1645
	defaultAcctPort         = 1646
)

// RADIUSServer is one server: `radius server NAME`, or `radius-server host`,
// which has no name.
type RADIUSServer struct {
	Name       string // "" of `radius-server host`
	Addr       netip.Addr
	AuthPort   uint16
	AcctPort   uint16
	Key        Key
	Timeout    time.Duration // 0: RADIUS's
	Retransmit *int          // nil: RADIUS's
}

// Key is a secret as it was written: Hidden is its type 7 form where it had
// that.
type Key struct {
	Clear  secret.Secret
	Hidden secret.Secret
}

// ServerGroup is one `aaa group server radius`.
type ServerGroup struct {
	Name     string
	Servers  []ServerRef
	DeadTime *time.Duration // nil: RADIUS's
}

// ServerRef names a server of a group: by name, or by address and ports.
type ServerRef struct {
	Name     string
	Addr     netip.Addr
	AuthPort uint16
	AcctPort uint16
}

// Pool is one `ip local pool`.
type Pool struct {
	Name    string
	Ranges  []PoolRange   // in the order of their lines
	Recycle time.Duration // `recycle delay`: how long a freed address rests
}

// PoolRange is the addresses from Low to High, both included.
type PoolRange struct{ Low, High netip.Addr }

// ClientGroup is one `crypto isakmp client configuration group`.
type ClientGroup struct {
	Name            string
	Key             secret.Secret
	Pool            string
	DNS             []netip.Addr // at most two
	WINS            []netip.Addr // at most two
	Domain          string
	ACL             string // what the client sends through the tunnel; "": everything
	SplitDNS        []string
	Netmask         netip.Addr // invalid: none is sent
	SavePassword    bool
	IncludeLocalLAN bool
	GroupLock       bool
	PFS             bool
	Firewall        bool // `firewall are-u-there`, which has no effect
	MaxUsers        int  // 0: no limit
	MaxLogins       int  // 0: no limit
	Banner          string
	Backup          []string // addresses and host names
	UDPPort         uint16   // `qmidle ipsec-udp-port`: of Cisco's encapsulation; 0: none
}

// Client is what a crypto map or an ISAKMP profile does with clients.
type Client struct {
	Login      string // `client authentication list`: its users log in (XAUTH)
	Network    string // `isakmp authorization list`: where groups are looked up
	Accounting string // `client accounting list`
	Respond    bool   // `client configuration address respond`
	Initiate   bool   // `client configuration address initiate`
}

// User returns the user of that name, or nil.
func (c *Config) User(name string) *User {
	return find(c.AAA.Users, func(u *User) bool { return u.Name == name })
}

// Pool returns the address pool of that name, or nil.
func (c *Config) Pool(name string) *Pool {
	return find(c.Pools, func(p *Pool) bool { return p.Name == name })
}

// PoolRanges are the addresses of all pools, in the order of their lines.
func (c *Config) PoolRanges() (all []PoolRange) {
	for _, p := range c.Pools {
		all = append(all, p.Ranges...)
	}
	return all
}

// ClientGroup returns the client configuration group of that name, or nil.
func (c *Config) ClientGroup(name string) *ClientGroup {
	return find(c.ClientGroups, func(g *ClientGroup) bool { return g.Name == name })
}

// ServerGroup returns the RADIUS group of that name, or nil.
func (c *Config) ServerGroup(name string) *ServerGroup {
	return find(c.AAA.ServerGroups, func(g *ServerGroup) bool { return g.Name == name })
}

// Server returns the RADIUS server of that name, or nil.
func (r *RADIUS) Server(name string) *RADIUSServer {
	return find(r.Servers, func(s *RADIUSServer) bool { return s.Name != "" && s.Name == name })
}

// server returns the one that a group's line stands for, or nil.
func (r *RADIUS) server(ref ServerRef) *RADIUSServer {
	if ref.Name != "" {
		return r.Server(ref.Name)
	}
	return find(r.Servers, func(s *RADIUSServer) bool {
		return s.Addr == ref.Addr && s.AuthPort == ref.AuthPort && s.AcctPort == ref.AcctPort
	})
}

// KeyOf is the key that a server is asked with, zero where there is none.
func (r *RADIUS) KeyOf(s *RADIUSServer) secret.Secret {
	if !s.Key.Clear.IsZero() {
		return s.Key.Clear
	}
	return r.Key.Clear
}

// Asks says whether an address and port is that of a RADIUS server.
func (a *AAA) Asks(at netip.AddrPort) bool {
	return slices.ContainsFunc(a.RADIUS.Servers, func(s *RADIUSServer) bool {
		return s.Addr == at.Addr() && (s.AuthPort == at.Port() || s.AcctPort == at.Port())
	})
}

// ServersOf returns the servers of a group in order, for GroupRADIUS every one;
// and how long one that is dead is left alone.
func (a *AAA) ServersOf(group string) ([]*RADIUSServer, time.Duration) {
	if group == GroupRADIUS {
		return a.RADIUS.Servers, a.RADIUS.DeadTime
	}
	g := find(a.ServerGroups, func(g *ServerGroup) bool { return g.Name == group })
	if g == nil {
		return nil, 0
	}
	var all []*RADIUSServer
	for _, ref := range g.Servers {
		if s := a.RADIUS.server(ref); s != nil {
			all = append(all, s)
		}
	}
	if g.DeadTime != nil {
		return all, *g.DeadTime
	}
	return all, a.RADIUS.DeadTime
}

func methodList(all []*MethodList, name string) *MethodList {
	return find(all, func(l *MethodList) bool { return l.Name == name })
}

// LoginList returns the list of that name, or nil; so do NetworkList and
// AccountingList.
func (a *AAA) LoginList(name string) *MethodList      { return methodList(a.Login, name) }
func (a *AAA) NetworkList(name string) *MethodList    { return methodList(a.Network, name) }
func (a *AAA) AccountingList(name string) *MethodList { return methodList(a.Accounting, name) }
