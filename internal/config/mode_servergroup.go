package config

import (
	"slices"
	"time"
)

var serverGroupMode = mode{name: "RADIUS server group", prompt: "config-sg-radius", open: true, nodes: []*node{
	{Text: "deadtime", Help: "Specify time in minutes to ignore an unresponsive server", No: noGroupDeadTime, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 1440, Arg: "minutes", Help: "Length of time, in minutes", Do: setGroupDeadTime},
	}},
	{Text: "server", Help: "Specify a RADIUS server", Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address of RADIUS server", Do: addServerRef, No: noServerRef, Next: loopArgs([]*node{
			{Text: "acct-port", Help: "UDP port for RADIUS accounting server", Next: []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: "acct-port", Help: "Port number", Do: addServerRef, No: noServerRef}}},
			{Text: "auth-port", Help: "UDP port for RADIUS authentication server", Next: []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: "auth-port", Help: "Port number", Do: addServerRef, No: noServerRef}}},
		})},
		{Text: "name", Help: "Specify a RADIUS server by name", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "server", Help: "Server name", Do: addServerRef, No: noServerRef},
		}},
	}},
	{Text: "server-private", Help: "Define a private RADIUS server (per group)", Unsupported: "a RADIUS server of a group only"},
}}

func serverGroupMark(name string) string { return "aaa group " + name }

func enterServerGroup(e *Editor, a Args) *Problem {
	name := a.Text("name")
	if name == GroupRADIUS {
		return &Problem{Code: CodeValue, Arg: "name", Message: "`radius` stands for all RADIUS servers", Hint: "choose another name"}
	}
	e.enter(&serverGroupMode)
	e.serverGroup = e.cfg.ServerGroup(name)
	if e.serverGroup != nil {
		e.again(serverGroupMark(name), a, "name")
		return nil
	}
	e.serverGroup = &ServerGroup{Name: name}
	e.cfg.AAA.ServerGroups = append(e.cfg.AAA.ServerGroups, e.serverGroup)
	e.remember(serverGroupMark(name), a, "name")
	return nil
}

func noServerGroup(e *Editor, a Args) *Problem {
	all := &e.cfg.AAA.ServerGroups
	before := len(*all)
	*all = slices.DeleteFunc(*all, func(g *ServerGroup) bool { return g.Name == a.Text("name") })
	if len(*all) == before {
		return &Problem{Code: CodeReference, Arg: "name", Message: "there is no such server group"}
	}
	e.enter(nil)
	return nil
}

func setGroupDeadTime(e *Editor, a Args) *Problem {
	d := time.Duration(a.Number("minutes")) * time.Minute
	e.serverGroup.DeadTime = &d
	return nil
}

func noGroupDeadTime(e *Editor, _ Args) *Problem {
	e.serverGroup.DeadTime = nil
	return nil
}

// groupServer is the server that a group's line names: ports count with an
// address only.
func groupServer(a Args) ServerRef {
	if a.Has("server") {
		return ServerRef{Name: a.Text("server")}
	}
	return serverRef(a)
}

func addServerRef(e *Editor, a Args) *Problem {
	ref := groupServer(a)
	if !slices.Contains(e.serverGroup.Servers, ref) {
		e.serverGroup.Servers = append(e.serverGroup.Servers, ref)
	}
	e.remember(refMark(e.serverGroup, ref), a, "")
	return nil
}

func refMark(g *ServerGroup, ref ServerRef) string {
	return serverGroupMark(g.Name) + " " + ref.String()
}

func noServerRef(e *Editor, a Args) *Problem {
	before := len(e.serverGroup.Servers)
	e.serverGroup.Servers = slices.DeleteFunc(e.serverGroup.Servers, func(r ServerRef) bool { return r == groupServer(a) })
	if len(e.serverGroup.Servers) == before {
		return &Problem{Code: CodeReference, Message: "the group has no such server"}
	}
	return nil
}
