package config

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"qmidle/internal/password"
	"qmidle/internal/secret"
)

// radiusServerNodes follow `radius-server`; what is not listed is skipped.
var radiusServerNodes = []*node{
	{Text: "dead-criteria", Help: "Set the criteria used to decide when a radius server is marked dead", No: noDeadCriteria, Next: loopArgs([]*node{
		{Text: "time", Help: "Seconds without an answer", Next: []*node{{Kind: Number, Lo: 1, Hi: 120, Arg: "time", Help: "Time in seconds", Do: setDeadCriteria}}},
		{Text: "tries", Help: "Sendings without an answer", Next: []*node{{Kind: Number, Lo: 1, Hi: 100, Arg: "tries", Help: "Number of transmits", Do: setDeadCriteria}}},
	})},
	{Text: "deadtime", Help: "Time to stop using a server that doesn't respond", No: noDeadTime, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 1440, Arg: "minutes", Help: "Length of time, in minutes", Do: setDeadTime},
	}},
	{Text: "host", Help: "Specify a RADIUS server", Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address of RADIUS server", Do: setRADIUSHost, No: noRADIUSHost, Next: radiusHostOptions},
		{Kind: Address6, Text: "X:X:X:X::X", Help: "IPv6 address of RADIUS server", Unsupported: "a RADIUS server by IPv6"},
		{Kind: Host, Text: "WORD", Help: "Host name of RADIUS server", Unsupported: "a RADIUS server by name"},
	}},
	{Text: "key", Help: "encryption key shared with the radius servers", No: noRADIUSKey, Next: keyNodes(setRADIUSKey)},
	{Text: "retransmit", Help: "Specify the number of retries to active server", No: noRetransmit, Next: []*node{
		{Kind: Number, Lo: 0, Hi: 100, Arg: "retransmit", Help: "Number of retries for a transaction", Do: setRetransmit},
	}},
	{Text: "timeout", Help: "Time to wait for a RADIUS server to reply", No: noRADIUSTimeout, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 1000, Arg: "timeout", Help: "Wait time, in seconds", Do: setRADIUSTimeout},
	}},
}

var radiusHostOptions = loopArgs([]*node{
	{Text: "acct-port", Help: "UDP port for RADIUS accounting server", Next: []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: "acct-port", Help: "Port number", Do: setRADIUSHost, No: noRADIUSHost}}},
	{Text: "auth-port", Help: "UDP port for RADIUS authentication server", Next: []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: "auth-port", Help: "Port number", Do: setRADIUSHost, No: noRADIUSHost}}},
	{Text: "retransmit", Help: "Specify the number of retries to active server", Next: []*node{{Kind: Number, Lo: 0, Hi: 100, Arg: "retransmit", Help: "Number of retries", Do: setRADIUSHost}}},
	{Text: "timeout", Help: "Time to wait for this RADIUS server to reply", Next: []*node{{Kind: Number, Lo: 1, Hi: 1000, Arg: "timeout", Help: "Wait time, in seconds", Do: setRADIUSHost}}},
	{Text: "key", Help: "per-server encryption key, the last word of the line"},
	{Text: "alias", Help: "1-8 aliases for this server", Unsupported: "aliases of a RADIUS server"},
	{Text: "backoff", Help: "Retry backoff pattern", Unsupported: "a backoff pattern of a RADIUS server"},
	{Text: "non-standard", Help: "Skipped by this gateway", Unsupported: "`non-standard` of a RADIUS server"},
	{Text: "pac", Help: "Skipped by this gateway", Unsupported: "`pac` of a RADIUS server"},
	{Text: "test", Help: "Skipped by this gateway", Unsupported: "`test` of a RADIUS server"},
})

func init() {
	for _, n := range radiusHostOptions {
		if n.Text == "key" {
			n.Next = keyNodes(setRADIUSHost)
		}
	}
}

// loopArgs lets keywords with one argument each follow each other in any order.
func loopArgs(nodes []*node) []*node {
	for _, n := range nodes {
		for _, arg := range n.Next {
			arg.Next = nodes
		}
	}
	return nodes
}

// keyNodes are a key in clear or of type 7.
func keyNodes(do Action[*Editor]) []*node {
	clear := &node{Kind: Rest, Text: "LINE", Arg: "key", Help: "The UNENCRYPTED (cleartext) shared key", Secret: true, Do: do}
	return []*node{
		{Text: "0", Help: "Specifies an UNENCRYPTED key will follow", Next: []*node{clear}},
		{Text: "6", Help: "Specifies an ENCRYPTED key will follow", Unsupported: "an encrypted key (type 6)", Scope: ScopeAlways},
		{Text: "7", Help: "Specifies HIDDEN key will follow", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "hidden", Help: "The HIDDEN shared key", Secret: true, Do: do},
		}},
		clear,
	}
}

// keyOf reads a key of keyNodes.
func keyOf(a Args) (Key, *Problem) {
	if !a.Has("hidden") {
		return Key{Clear: secret.FromString(a.Text("key"))}, nil
	}
	k := Key{Hidden: secret.FromString(a.Text("hidden"))}
	clear, ok := password.Stored{Type: password.Reversible, Text: k.Hidden}.InClear()
	if !ok || clear.IsZero() {
		return k, &Problem{Code: CodeValue, Arg: "hidden", Message: "Invalid encrypted keystring"}
	}
	k.Clear = clear
	return k, nil
}

func setRADIUSKey(e *Editor, a Args) (p *Problem) {
	e.cfg.AAA.RADIUS.Key, p = keyOf(a)
	return p
}

func noRADIUSKey(e *Editor, _ Args) *Problem {
	e.cfg.AAA.RADIUS.Key = Key{}
	return nil
}

func setRADIUSTimeout(e *Editor, a Args) *Problem {
	e.cfg.AAA.RADIUS.Timeout = seconds(a, "timeout")
	return nil
}

func noRADIUSTimeout(e *Editor, _ Args) *Problem {
	e.cfg.AAA.RADIUS.Timeout = defaultRADIUSTimeout
	return nil
}

func setRetransmit(e *Editor, a Args) *Problem {
	e.cfg.AAA.RADIUS.Retransmit = int(a.Number("retransmit"))
	return nil
}

func noRetransmit(e *Editor, _ Args) *Problem {
	e.cfg.AAA.RADIUS.Retransmit = defaultRADIUSRetransmit
	return nil
}

func setDeadTime(e *Editor, a Args) *Problem {
	e.cfg.AAA.RADIUS.DeadTime = time.Duration(a.Number("minutes")) * time.Minute
	return nil
}

func noDeadTime(e *Editor, _ Args) *Problem {
	e.cfg.AAA.RADIUS.DeadTime = 0
	return nil
}

func setDeadCriteria(e *Editor, a Args) *Problem {
	e.cfg.AAA.RADIUS.Dead = DeadCriteria{Time: seconds(a, "time"), Tries: int(a.Number("tries"))}
	return nil
}

func noDeadCriteria(e *Editor, _ Args) *Problem {
	e.cfg.AAA.RADIUS.Dead = DeadCriteria{}
	return nil
}

func setMessageAuthenticator(required bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.AAA.RADIUS.Unsigned = !required
		e.remember("radius unsigned", a, "")
		return nil
	}
}

func setCHAP(on bool) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		e.cfg.AAA.RADIUS.CHAP = on
		return nil
	}
}

func port(a Args, name string, otherwise uint16) uint16 {
	if a.Has(name) {
		return uint16(a.Number(name))
	}
	return otherwise
}

func serverRef(a Args) ServerRef {
	return ServerRef{Name: a.Text("server"), Addr: a.Addr("address"), AuthPort: port(a, "auth-port", defaultAuthPort), AcctPort: port(a, "acct-port", defaultAcctPort)}
}

// setRADIUSHost reads `radius-server host`; an address with other ports is
// another server.
func setRADIUSHost(e *Editor, a Args) *Problem {
	ref := serverRef(a)
	if !unicast(ref.Addr) {
		return &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a server has a unicast address"}
	}
	s := &RADIUSServer{Addr: ref.Addr, AuthPort: ref.AuthPort, AcctPort: ref.AcctPort, Timeout: seconds(a, "timeout")}
	if a.Has("retransmit") {
		n := int(a.Number("retransmit"))
		s.Retransmit = &n
	}
	if a.Has("key") || a.Has("hidden") {
		var p *Problem
		if s.Key, p = keyOf(a); p != nil {
			return p
		}
	}
	e.remember(serverMark(s), a, "address")
	all := &e.cfg.AAA.RADIUS.Servers
	if i := slices.IndexFunc(*all, func(o *RADIUSServer) bool { return o.Name == "" && s.same(o) }); i >= 0 {
		(*all)[i] = s
		return nil
	}
	*all = append(*all, s)
	return nil
}

func (s *RADIUSServer) same(o *RADIUSServer) bool {
	return s.Addr == o.Addr && s.AuthPort == o.AuthPort && s.AcctPort == o.AcctPort
}

func noRADIUSHost(e *Editor, a Args) *Problem {
	ref := serverRef(a)
	all := &e.cfg.AAA.RADIUS.Servers
	before := len(*all)
	*all = slices.DeleteFunc(*all, func(s *RADIUSServer) bool {
		return s.Name == "" && s.Addr == ref.Addr && s.AuthPort == ref.AuthPort && s.AcctPort == ref.AcctPort
	})
	if len(*all) == before {
		return &Problem{Code: CodeReference, Arg: "address", Message: "there is no such server"}
	}
	return nil
}

func serverMark(s *RADIUSServer) string { return "radius server " + s.String() }

// String is the server's name, or its address and ports.
func (s *RADIUSServer) String() string {
	if s.Name != "" {
		return s.Name
	}
	return netip.AddrPortFrom(s.Addr, s.AuthPort).String() + "," + strconv.Itoa(int(s.AcctPort))
}

// radiusNodes follow `radius`.
var radiusNodes = []*node{
	{Text: "server", Help: "Configure a RADIUS server", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "server", Help: "Name for the radius server configuration", Do: enterRADIUSServer, No: noRADIUSServer},
	}},
}

var radiusMode = mode{name: "RADIUS server", prompt: "config-radius-server", open: true, nodes: []*node{
	{Text: "address", Help: "Specify the radius server address", No: noServerAddress, Next: []*node{
		{Text: "ipv4", Help: "IPv4 Address", Next: []*node{
			{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IPv4 address of radius server", Do: setServerAddress, Next: loopArgs([]*node{
				{Text: "acct-port", Help: "UDP port for RADIUS accounting server", Next: []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: "acct-port", Help: "Port number", Do: setServerAddress}}},
				{Text: "auth-port", Help: "UDP port for RADIUS authentication server", Next: []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: "auth-port", Help: "Port number", Do: setServerAddress}}},
			})},
			{Kind: Host, Text: "WORD", Help: "Host name of radius server", Unsupported: "a RADIUS server by name"},
		}},
		{Text: "ipv6", Help: "IPv6 Address", Unsupported: "a RADIUS server by IPv6"},
	}},
	{Text: "key", Help: "Per-server encryption key", No: noServerKey, Next: keyNodes(setServerKey)},
	{Text: "retransmit", Help: "Number of retries to active server", No: noServerRetransmit, Next: []*node{
		{Kind: Number, Lo: 0, Hi: 100, Arg: "retransmit", Help: "Number of retries for a transaction", Do: setServerRetransmit},
	}},
	{Text: "timeout", Help: "Time to wait for this RADIUS server to reply", No: noServerTimeout, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 1000, Arg: "timeout", Help: "Wait time, in seconds", Do: setServerTimeout},
	}},
}}

func enterRADIUSServer(e *Editor, a Args) *Problem {
	e.enter(&radiusMode)
	e.server = e.cfg.AAA.RADIUS.Server(a.Text("server"))
	if e.server == nil {
		e.server = &RADIUSServer{Name: a.Text("server"), AuthPort: defaultAuthPort, AcctPort: defaultAcctPort}
		e.cfg.AAA.RADIUS.Servers = append(e.cfg.AAA.RADIUS.Servers, e.server)
		e.remember(serverMark(e.server), a, "server")
		return nil
	}
	e.again(serverMark(e.server), a, "server")
	return nil
}

func noRADIUSServer(e *Editor, a Args) *Problem {
	all := &e.cfg.AAA.RADIUS.Servers
	before := len(*all)
	*all = slices.DeleteFunc(*all, func(s *RADIUSServer) bool { return s.Name != "" && s.Name == a.Text("server") })
	if len(*all) == before {
		return &Problem{Code: CodeReference, Arg: "server", Message: "there is no such server"}
	}
	e.enter(nil)
	return nil
}

func setServerAddress(e *Editor, a Args) *Problem {
	ref := serverRef(a)
	if !unicast(ref.Addr) {
		return &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a server has a unicast address"}
	}
	e.server.Addr, e.server.AuthPort, e.server.AcctPort = ref.Addr, ref.AuthPort, ref.AcctPort
	return nil
}

func noServerAddress(e *Editor, _ Args) *Problem {
	e.server.Addr, e.server.AuthPort, e.server.AcctPort = netip.Addr{}, defaultAuthPort, defaultAcctPort
	return nil
}

func setServerKey(e *Editor, a Args) (p *Problem) {
	e.server.Key, p = keyOf(a)
	return p
}

func noServerKey(e *Editor, _ Args) *Problem {
	e.server.Key = Key{}
	return nil
}

func setServerRetransmit(e *Editor, a Args) *Problem {
	n := int(a.Number("retransmit"))
	e.server.Retransmit = &n
	return nil
}

func noServerRetransmit(e *Editor, _ Args) *Problem {
	e.server.Retransmit = nil
	return nil
}

func setServerTimeout(e *Editor, a Args) *Problem {
	e.server.Timeout = seconds(a, "timeout")
	return nil
}

func noServerTimeout(e *Editor, _ Args) *Problem {
	e.server.Timeout = 0
	return nil
}
