package config

import (
	"slices"

	"qmidle/internal/secret"
)

// easyVPNNodes follow `crypto ipsec client`.
var easyVPNNodes = []*node{
	{Text: "ezvpn", Help: "Easy VPN client", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "name", Help: "Name of the Easy VPN client", Do: enterEasyVPN, No: noEasyVPN},
	}},
}

var easyVPNMode = mode{name: "Easy VPN client", prompt: "config-crypto-ezvpn", nodes: []*node{
	{Text: "acl", Help: "Multiple subnets behind this gateway", Unsupported: "several networks behind an Easy VPN client"},
	{Text: "backup", Help: "Specify the backup Easy VPN client", Unsupported: "a backup of an Easy VPN client"},
	{Text: "connect", Help: "How the tunnel is brought up", No: setConnect(ConnectAuto), Next: []*node{
		{Text: "acl", Help: "By traffic", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "list", Help: "Access-list name or number", Do: setConnect(ConnectACL)},
		}},
		{Text: "auto", Help: "By itself", Do: setConnect(ConnectAuto)},
		{Text: "manual", Help: "By `crypto ipsec client ezvpn connect`", Do: setConnect(ConnectManual)},
	}},
	{Text: "group", Help: "Group name and its key", No: noEasyVPNGroup, Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "group", Help: "Group name", Next: []*node{
			{Text: "key", Help: "Pre-shared key of the group", Next: []*node{
				{Text: "0", Help: "An UNENCRYPTED key follows", Next: []*node{easyVPNKeyWord}},
				{Text: "6", Help: "An ENCRYPTED key follows", Unsupported: "an encrypted key (type 6)", Scope: ScopeAlways},
				easyVPNKeyWord,
			}},
		}},
	}},
	{Text: "idletime", Help: "Idle time of the tunnel", No: setEasyVPNIdle, Next: []*node{
		{Kind: Number, Lo: 60, Hi: 86400, Arg: "idle", Help: "Seconds", Do: setEasyVPNIdle},
	}},
	{Text: "local-address", Help: "Interface whose address is the local endpoint", No: noEasyVPNLocal, Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "name", Help: "Interface name", Do: setEasyVPNLocal, Next: []*node{
			{Kind: Word, Text: "N/N", Arg: "number", Help: "Interface number", Do: setEasyVPNLocal},
		}},
	}},
	{Text: "mode", Help: "Mode of operation", No: setEasyVPNMode(ModeClient), Next: []*node{
		{Text: "client", Help: "The server gives an address", Do: setEasyVPNMode(ModeClient)},
		{Text: "network-extension", Help: "The networks inside keep their addresses", Do: setEasyVPNMode(ModeNetworkExtension)},
		{Text: "network-plus", Help: "Both", Unsupported: "mode network-plus of an Easy VPN client", Scope: ScopeAlways},
	}},
	{Text: "peer", Help: "Allowed encryption peer", Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address of the server", Do: addEasyVPNPeer, No: noEasyVPNPeer, Next: []*node{
			{Text: "default", Arg: "default", Help: "Default server", Do: addEasyVPNPeer},
		}},
		{Kind: Host, Text: "WORD", Arg: "host", Help: "Host name of the server", Do: addEasyVPNPeer, No: noEasyVPNPeer, Next: []*node{
			{Text: "default", Arg: "default", Help: "Default server", Do: addEasyVPNPeer},
		}},
	}},
	{Text: "username", Help: "Name and password of the user", No: noEasyVPNUser, Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "user", Help: "User name", Next: []*node{
			{Text: "password", Help: "Password of the user", Next: []*node{
				{Text: "0", Help: "An UNENCRYPTED password follows", Next: []*node{easyVPNPasswordWord}},
				{Text: "6", Help: "An ENCRYPTED password follows", Unsupported: "an encrypted password (type 6)", Scope: ScopeAlways},
				easyVPNPasswordWord,
			}},
		}},
	}},
	{Text: "virtual-interface", Help: "Use a virtual tunnel interface", Unsupported: "a virtual interface of an Easy VPN client", Scope: ScopeAlways},
	{Text: "xauth", Help: "Extended authentication", Next: []*node{
		{Text: "userid", Help: "How the user is named", Next: []*node{
			{Text: "mode", Help: "How the user is named", No: setStored(false), Next: []*node{
				{Text: "http-intercept", Help: "By a web page", Unsupported: "a web page for the user of an Easy VPN client", Scope: ScopeAlways},
				{Text: "interactive", Help: "The operator is asked", Do: setStored(false)},
				{Text: "local", Help: "By `username` below the client", Do: setStored(true)},
			}},
		}},
	}},
}}

var easyVPNKeyWord = &node{Kind: Word, Text: "WORD", Arg: "key", Help: "The UNENCRYPTED group key", Secret: true, Do: setEasyVPNGroup}
var easyVPNPasswordWord = &node{Kind: Word, Text: "WORD", Arg: "password", Help: "The UNENCRYPTED password", Secret: true, Do: setEasyVPNUser}

// interfaceEasyVPNNodes follow `crypto ipsec client` on an interface.
var interfaceEasyVPNNodes = []*node{
	{Text: "ezvpn", Help: "Easy VPN client", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "name", Help: "Name of the Easy VPN client", Do: setInterfaceEasyVPN, No: noInterfaceEasyVPN, Next: []*node{
			{Text: "inside", Arg: "inside", Help: "The network of this interface is inside", Do: setInterfaceEasyVPN, No: noInterfaceEasyVPN},
			{Text: "outside", Help: "The server is reached by this interface", Do: setInterfaceEasyVPN, No: noInterfaceEasyVPN},
		}},
	}},
}

func easyVPNMark(name string) string { return "ezvpn " + name }

func (e *Editor) rememberEasyVPN(what string, a Args, arg string) {
	e.remember(easyVPNMark(e.easyVPN.Name)+" "+what, a, arg)
}

func enterEasyVPN(e *Editor, a Args) *Problem {
	name := a.Text("name")
	e.enter(&easyVPNMode)
	e.easyVPN = e.cfg.EasyVPNFor(name)
	if e.easyVPN != nil {
		e.again(easyVPNMark(name), a, "name")
		return nil
	}
	e.easyVPN = &EasyVPN{Name: name}
	e.cfg.EasyVPNs = append(e.cfg.EasyVPNs, e.easyVPN)
	e.remember(easyVPNMark(name), a, "name")
	return nil
}

func noEasyVPN(e *Editor, a Args) *Problem {
	before := len(e.cfg.EasyVPNs)
	e.cfg.EasyVPNs = slices.DeleteFunc(e.cfg.EasyVPNs, func(v *EasyVPN) bool { return v.Name == a.Text("name") })
	if len(e.cfg.EasyVPNs) == before {
		return &Problem{Code: CodeReference, Arg: "name", Message: "there is no such Easy VPN client"}
	}
	e.enter(nil)
	return nil
}

func setConnect(how EasyVPNConnect) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.easyVPN.Connect, e.easyVPN.ACL = how, a.Text("list")
		e.rememberEasyVPN("connect", a, "list")
		return nil
	}
}

func setEasyVPNGroup(e *Editor, a Args) *Problem {
	if len(a.Text("group")) > 64 || len(a.Text("key")) > 128 {
		return &Problem{Code: CodeValue, Arg: "key", Message: "a group has 64 characters at most, and its key 128"}
	}
	e.easyVPN.Group, e.easyVPN.Key = a.Text("group"), secret.FromString(a.Text("key"))
	e.rememberEasyVPN("group", a, "group")
	return nil
}

func noEasyVPNGroup(e *Editor, _ Args) *Problem {
	e.easyVPN.Group, e.easyVPN.Key = "", secret.Secret{}
	return nil
}

func setEasyVPNIdle(e *Editor, a Args) *Problem {
	e.easyVPN.Idle = int(a.Number("idle"))
	return nil
}

func setEasyVPNLocal(e *Editor, a Args) *Problem {
	long, _, p := interfaceName(a)
	if p != nil {
		return p
	}
	e.easyVPN.Local = long
	e.rememberEasyVPN("local", a, "name")
	return nil
}

func noEasyVPNLocal(e *Editor, _ Args) *Problem {
	e.easyVPN.Local = ""
	return nil
}

func setEasyVPNMode(m EasyVPNMode) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		e.easyVPN.Mode = m
		return nil
	}
}

func addEasyVPNPeer(e *Editor, a Args) *Problem {
	p, problem := easyVPNPeer(a)
	if problem != nil {
		return problem
	}
	e.rememberEasyVPN("peer "+p.String(), a, "")
	e.easyVPN.Peers = p.into(e.easyVPN.Peers)
	return nil
}

func noEasyVPNPeer(e *Editor, a Args) *Problem {
	p, problem := easyVPNPeer(a)
	if problem != nil {
		return problem
	}
	before := len(e.easyVPN.Peers)
	e.easyVPN.Peers = slices.DeleteFunc(e.easyVPN.Peers, p.same)
	if len(e.easyVPN.Peers) == before {
		return &Problem{Code: CodeReference, Message: "there is no such server"}
	}
	return nil
}

func easyVPNPeer(a Args) (Peer, *Problem) {
	p := Peer{Addr: a.Addr("address"), Host: a.Text("host"), Default: a.Has("default")}
	if p.Addr.IsValid() && !unicast(p.Addr) {
		return p, &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a server has a unicast address"}
	}
	return p, nil
}

func setEasyVPNUser(e *Editor, a Args) *Problem {
	if len(a.Text("user")) > 128 || len(a.Text("password")) > 128 {
		return &Problem{Code: CodeValue, Arg: "password", Message: "a user and a password have 128 characters at most"}
	}
	e.easyVPN.User, e.easyVPN.Password = a.Text("user"), secret.FromString(a.Text("password"))
	return nil
}

func noEasyVPNUser(e *Editor, _ Args) *Problem {
	e.easyVPN.User, e.easyVPN.Password = "", secret.Secret{}
	return nil
}

func setStored(on bool) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		e.easyVPN.Stored = on
		return nil
	}
}

func setInterfaceEasyVPN(e *Editor, a Args) *Problem {
	e.iface.EasyVPN, e.iface.EasyVPNInside = a.Text("name"), a.Has("inside")
	e.remember(interfaceMark(e.iface.Name)+" ezvpn", a, "name")
	return nil
}

func noInterfaceEasyVPN(e *Editor, a Args) *Problem {
	if e.iface.EasyVPN != a.Text("name") {
		return &Problem{Code: CodeReference, Arg: "name", Message: "this Easy VPN client is not on the interface"}
	}
	e.iface.EasyVPN, e.iface.EasyVPNInside = "", false
	return nil
}
