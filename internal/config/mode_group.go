package config

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"qmidle/internal/secret"
)

// clientConfigurationNodes follow `crypto isakmp client configuration`.
var clientConfigurationNodes = []*node{
	{Text: "address-pool", Help: "Set network address for client", No: noAddressPool, Next: []*node{
		{Text: "local", Help: "Use a local address pool", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "pool", Help: "Name of the pool, for groups without their own", Do: setAddressPool},
		}},
	}},
	{Text: "browser-proxy", Help: "Browser proxy for clients", Unsupported: "a browser proxy of clients", Block: true},
	{Text: "group", Help: "Set client group specific configuration", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "group", Help: "Name of the group; default for any other", Do: enterGroup, No: noGroup},
	}},
}

var groupMode = mode{name: "Client configuration group", prompt: "config-isakmp-group", nodes: []*node{
	{Text: "access-restrict", Help: "Restrict clients in this group to an interface", Unsupported: "restricting a group to an interface"},
	{Text: "acl", Help: "Specify split tunneling inclusion access-list number", No: noGroupACL, Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "list", Help: "Access-list name or number <100-199> <2000-2699>", Do: setGroupACL},
	}},
	{Text: "auto-update", Help: "Configure auto-upgrade", Unsupported: "updating clients"},
	{Text: "backup-gateway", Help: "Specify name or IP address of backup gateway", Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "backup", Help: "IP address of the gateway", Do: addBackup, No: noBackup},
		{Kind: Host, Text: "WORD", Arg: "backup", Help: "Host name of the gateway", Do: addBackup, No: noBackup},
	}},
	{Text: "banner", Help: "Specify mode config banner", No: noGroupBanner, Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "banner", Help: "c banner-text c, where 'c' is a delimiting character", Do: setGroupBanner},
	}},
	{Text: "browser-proxy", Help: "Configure browser-proxy", Unsupported: "a browser proxy of clients"},
	{Text: "configuration", Help: "Push configuration to the client", Unsupported: "pushing a configuration to clients"},
	{Text: "crypto", Help: "Client group crypto aaa attribute list", Next: []*node{
		{Text: "aaa", Help: "Attribute list", Unsupported: "an attribute list of a group"},
	}},
	{Text: "dhcp", Help: "Configure DHCP parameters", Unsupported: "addresses from DHCP for clients"},
	{Text: "dns", Help: "Specify DNS Addresses", No: noGroupDNS, Next: twoAddresses(setGroupDNS)},
	{Text: "domain", Help: "Set default domain name to send to client", No: noGroupDomain, Next: []*node{
		{Kind: Host, Text: "WORD", Arg: "domain", Help: "Default domain name", Do: setGroupDomain},
	}},
	{Text: "firewall", Help: "Enforce group firewall feature", Next: []*node{
		{Text: "are-u-there", Help: "Has no effect: clients answer as they like", Do: setGroup("firewall", true), No: setGroup("firewall", false)},
		{Text: "policy", Help: "Firewall policy", Unsupported: "a firewall policy of clients"},
	}},
	{Text: "group-lock", Help: "Enforce group lock feature", Do: setGroup("lock", true), No: setGroup("lock", false)},
	{Text: "include-local-lan", Help: "Enable Local LAN Access with no split tunnel", Do: setGroup("lan", true), No: setGroup("lan", false)},
	{Text: "key", Help: "pre-shared key/IKE password", No: noGroupKey, Next: []*node{
		{Text: "0", Help: "An UNENCRYPTED key follows", Next: []*node{groupKeyWord}},
		{Text: "6", Help: "An ENCRYPTED key follows", Unsupported: "an encrypted key (type 6)", Scope: ScopeAlways},
		groupKeyWord,
	}},
	{Text: "max-logins", Help: "Set maximum simultaneous logins for users in this group", No: noGroupLimit("logins"), Next: []*node{
		{Kind: Number, Lo: 1, Hi: 10, Arg: "logins", Help: "Maximum logins", Do: setGroupLimit},
	}},
	{Text: "max-users", Help: "Set maximum number of users for this group", No: noGroupLimit("users"), Next: []*node{
		{Kind: Number, Lo: 1, Hi: 5000, Arg: "users", Help: "Maximum users", Do: setGroupLimit},
	}},
	{Text: "netmask", Help: "netmask used by the client for local connectivity", No: noGroupNetmask, Next: []*node{
		{Kind: Netmask, Text: "A.B.C.D", Arg: "mask", Help: "Subnet mask", Do: setGroupNetmask},
	}},
	{Text: "pfs", Help: "The client should propose PFS", Do: setGroup("pfs", true), No: setGroup("pfs", false)},
	{Text: "pool", Help: "Set name of address pool", No: noGroupPool, Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "pool", Help: "Name of the address pool", Do: setGroupPool},
	}},
	{Text: "qmidle", Help: "What IOS has no command for", Next: []*node{
		{Text: "ipsec-udp-port", Help: "Cisco's encapsulation of ESP in UDP, for clients that ask for it", No: noUDPPort, Next: []*node{
			{Kind: Number, Lo: 4001, Hi: 49151, Arg: "port", Help: "UDP port of the gateway, as a rule 10000", Do: setUDPPort},
		}},
	}},
	{Text: "save-password", Help: "Allows remote client to save XAUTH password", Do: setGroup("save", true), No: setGroup("save", false)},
	{Text: "smartcard-removal-disconnect", Help: "Disconnect when a smartcard is removed", Unsupported: "disconnecting on removal of a smartcard"},
	{Text: "split-dns", Help: "DNS name to append for resolution", Next: []*node{
		{Kind: Host, Text: "WORD", Arg: "domain", Help: "Domain name", Do: addSplitDNS, No: noSplitDNS},
	}},
	{Text: "wins", Help: "Specify WINS Addresses", No: noGroupWINS, Next: twoAddresses(setGroupWINS)},
}}

var groupKeyWord = &node{Kind: Word, Text: "WORD", Arg: "key", Help: "The UNENCRYPTED group key", Secret: true, Do: setGroupKey}

func twoAddresses(do Action[*Editor]) []*node {
	return []*node{{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Primary server's address", Do: do, Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Secondary server's address", Do: do},
	}}}
}

func groupMark(name string) string { return "client group " + name }

// rememberGroup remembers where a part of the current group was written.
func (e *Editor) rememberGroup(what string, a Args, arg string) {
	e.remember(groupMark(e.group.Name)+" "+what, a, arg)
}

const maxGroupName = 64

var longGroupName = &Problem{Code: CodeValue, Arg: "group", Message: "the name is longer than 64 characters"}

func enterGroup(e *Editor, a Args) *Problem {
	name := a.Text("group")
	if len(name) > maxGroupName {
		return longGroupName
	}
	e.enter(&groupMode)
	e.group = e.cfg.ClientGroup(name)
	if e.group != nil {
		e.again(groupMark(name), a, "group")
		return nil
	}
	e.group = &ClientGroup{Name: name}
	e.cfg.ClientGroups = append(e.cfg.ClientGroups, e.group)
	e.remember(groupMark(name), a, "group")
	return nil
}

func noGroup(e *Editor, a Args) *Problem {
	before := len(e.cfg.ClientGroups)
	e.cfg.ClientGroups = slices.DeleteFunc(e.cfg.ClientGroups, func(g *ClientGroup) bool { return g.Name == a.Text("group") })
	if len(e.cfg.ClientGroups) == before {
		return &Problem{Code: CodeReference, Arg: "group", Message: "there is no such group"}
	}
	e.enter(nil)
	return nil
}

func setAddressPool(e *Editor, a Args) *Problem {
	e.cfg.ISAKMP.AddressPool = a.Text("pool")
	e.remember("isakmp address-pool", a, "pool")
	return nil
}

func noAddressPool(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.AddressPool = ""
	return nil
}

// setGroup turns one of the group's switches.
func setGroup(what string, on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		switch what {
		case "firewall":
			e.group.Firewall = on
		case "lock":
			e.group.GroupLock = on
		case "lan":
			e.group.IncludeLocalLAN = on
		case "pfs":
			e.group.PFS = on
		case "save":
			e.group.SavePassword = on
		}
		e.rememberGroup(what, a, "")
		return nil
	}
}

func setGroupKey(e *Editor, a Args) *Problem {
	if len(a.Text("key")) > 128 {
		return &Problem{Code: CodeValue, Arg: "key", Message: "the key is longer than 128 characters"}
	}
	e.group.Key = secret.FromString(a.Text("key"))
	e.rememberGroup("key", a, "")
	return nil
}

func noGroupKey(e *Editor, _ Args) *Problem {
	e.group.Key = secret.Secret{}
	return nil
}

func setUDPPort(e *Editor, a Args) *Problem {
	if a.Number("port") == natTraversalPort {
		return &Problem{Code: CodeValue, Arg: "port", Message: "port 4500 is that of NAT traversal"}
	}
	e.group.UDPPort = uint16(a.Number("port"))
	e.rememberGroup("ipsec-udp-port", a, "port")
	return nil
}

func noUDPPort(e *Editor, _ Args) *Problem {
	e.group.UDPPort = 0
	return nil
}

// natTraversalPort is of no use for anything else.
const natTraversalPort = 4500

func setGroupPool(e *Editor, a Args) *Problem {
	e.group.Pool = a.Text("pool")
	e.rememberGroup("pool", a, "pool")
	return nil
}

func noGroupPool(e *Editor, _ Args) *Problem {
	e.group.Pool = ""
	return nil
}

func setGroupACL(e *Editor, a Args) *Problem {
	e.group.ACL = a.Text("list")
	e.rememberGroup("acl", a, "list")
	return nil
}

func noGroupACL(e *Editor, _ Args) *Problem {
	e.group.ACL = ""
	return nil
}

func setGroupDNS(e *Editor, a Args) *Problem {
	e.group.DNS = a.addrs("address")
	return nil
}

func noGroupDNS(e *Editor, _ Args) *Problem {
	e.group.DNS = nil
	return nil
}

func setGroupWINS(e *Editor, a Args) *Problem {
	e.group.WINS = a.addrs("address")
	return nil
}

func noGroupWINS(e *Editor, _ Args) *Problem {
	e.group.WINS = nil
	return nil
}

func setGroupDomain(e *Editor, a Args) *Problem {
	e.group.Domain = a.Text("domain")
	return nil
}

func noGroupDomain(e *Editor, _ Args) *Problem {
	e.group.Domain = ""
	return nil
}

func setGroupNetmask(e *Editor, a Args) *Problem {
	e.group.Netmask = a.Addr("mask")
	return nil
}

func noGroupNetmask(e *Editor, _ Args) *Problem {
	e.group.Netmask = netip.Addr{}
	return nil
}

func setGroupLimit(e *Editor, a Args) *Problem {
	if a.Has("users") {
		e.group.MaxUsers = int(a.Number("users"))
	} else {
		e.group.MaxLogins = int(a.Number("logins"))
	}
	return nil
}

func noGroupLimit(what string) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		if what == "users" {
			e.group.MaxUsers = 0
		} else {
			e.group.MaxLogins = 0
		}
		return nil
	}
}

const (
	maxSplitDNS = 10
	maxBackups  = 10
)

func addSplitDNS(e *Editor, a Args) *Problem {
	return addWord(&e.group.SplitDNS, a.Text("domain"), maxSplitDNS, "a group takes ten domains of `split-dns` at most")
}

func noSplitDNS(e *Editor, a Args) *Problem {
	return removeWord(&e.group.SplitDNS, a.Text("domain"), "the group has no such domain")
}

func addBackup(e *Editor, a Args) *Problem {
	return addWord(&e.group.Backup, a.Text("backup"), maxBackups, "a group takes ten backup gateways at most")
}

func noBackup(e *Editor, a Args) *Problem {
	return removeWord(&e.group.Backup, a.Text("backup"), "the group has no such backup gateway")
}

func addWord(to *[]string, word string, most int, tooMany string) *Problem {
	switch {
	case slices.Contains(*to, word):
	case len(*to) == most:
		return &Problem{Code: CodeValue, Message: tooMany}
	default:
		*to = append(*to, word)
	}
	return nil
}

func removeWord(from *[]string, word, absent string) *Problem {
	before := len(*from)
	*from = slices.DeleteFunc(*from, func(o string) bool { return o == word })
	if len(*from) == before {
		return &Problem{Code: CodeReference, Message: absent}
	}
	return nil
}

// maxBanner is how many octets of banner IOS sends.
const maxBanner = 1024

// openText is a text that goes on until its delimiter comes.
type openText struct {
	delimiter string
	lines     []string
	at        mark // where it was begun
	size      int
	done      func(text string)
}

// setGroupBanner reads the first line of `banner c TEXT c`. The running
// configuration writes the delimiter ETX as `^C`.
func setGroupBanner(e *Editor, a Args) *Problem {
	body := a.Text("banner")
	_, size := utf8.DecodeRuneInString(body)
	if strings.HasPrefix(body, "^C") {
		size = 2
	}
	g := e.group
	e.open = &openText{delimiter: body[:size], at: e.at(a, a.get("banner").Token), done: func(text string) { g.Banner = text }}
	e.collect(body[size:])
	return nil
}

func noGroupBanner(e *Editor, _ Args) *Problem {
	e.group.Banner = ""
	return nil
}

// collect takes one more line of a text that goes on.
func (e *Editor) collect(line string) {
	o := e.open
	line, _, closed := strings.Cut(line, o.delimiter)
	o.lines = append(o.lines, strings.TrimRight(line, " \t\r"))
	o.size += len(line) + 1
	switch {
	case strangeByte(line) >= 0:
		e.report(Error, CodeInvalid, "a byte of the banner is no text", o.at)
	case o.size > maxBanner:
		e.report(Error, CodeValue, "the banner is longer than 1024 characters, or its closing delimiter is missing", o.at)
	case !closed:
		return
	default:
		o.done(strings.Join(o.lines, "\n"))
	}
	e.open = nil
}
