package config

import (
	"slices"
	"time"
)

// aaaNodes follow `aaa`, which has a hundred commands that are not about VPN.
var aaaNodes = []*node{
	{Text: "accounting", Help: "Accounting configurations parameters.", Open: true, Next: []*node{
		{Text: "network", Help: "For network services. (PPP, SLIP, ARAP)", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "list", Help: "Named Accounting list; default for the default one", No: noMethods(accountingLists), Next: []*node{
				{Text: "none", Help: "No accounting.", Do: noMethods(accountingLists)},
				{Text: "start-stop", Help: "Record start and stop without waiting", Next: accountingMethods},
				{Text: "stop-only", Arg: "stop-only", Help: "Record stop when service terminates.", Next: accountingMethods},
			}},
		}},
		{Text: "update", Help: "Enable accounting update records.", No: noInterim, Next: []*node{
			{Text: "newinfo", Help: "Only send accounting update records when we have new acct info.", Foreign: true},
			{Text: "periodic", Help: "Send accounting update records at regular intervals.", Next: []*node{
				{Kind: Number, Lo: 1, Hi: 71582, Arg: "minutes", Help: "Minutes between updates", Do: setInterim},
			}},
		}},
		{Text: "exec", Foreign: true},
	}},
	{Text: "authentication", Help: "Authentication configurations parameters.", Open: true, Next: []*node{
		{Text: "login", Help: "Set authentication lists for logins.", Next: methodNodes(loginLists)},
	}},
	{Text: "authorization", Help: "Authorization configurations parameters.", Open: true, Next: []*node{
		{Text: "network", Help: "For network services. (PPP, SLIP, ARAP)", Next: methodNodes(networkLists)},
	}},
	{Text: "group", Help: "AAA group definitions", Open: true, Next: []*node{
		{Text: "server", Help: "AAA Server group definitions", Open: true, Next: []*node{
			{Text: "radius", Help: "RADIUS group definition", Next: []*node{
				{Kind: Word, Text: "WORD", Arg: "name", Help: "Server-group name", Do: enterServerGroup, No: noServerGroup},
			}},
			{Text: "tacacs+", Foreign: true, Block: true},
			{Text: "ldap", Foreign: true, Block: true},
		}},
	}},
	{Text: "new-model", Help: "Enable NEW access control commands and functions.", Do: setNewModel(true), No: setNewModel(false)},
	{Text: "server", Foreign: true, Block: true},
	{Text: "attribute", Foreign: true, Block: true},
	{Text: "user", Foreign: true},
}

// lists is one of the kinds of MethodList.
type lists struct {
	of   func(*AAA) *[]*MethodList
	mark string
}

var (
	loginLists      = lists{func(a *AAA) *[]*MethodList { return &a.Login }, "aaa login "}
	networkLists    = lists{func(a *AAA) *[]*MethodList { return &a.Network }, "aaa network "}
	accountingLists = lists{func(a *AAA) *[]*MethodList { return &a.Accounting }, "aaa accounting "}
)

// methodNodes are a list's name and its methods.
func methodNodes(l lists) []*node {
	return []*node{
		{Kind: Word, Text: "WORD", Arg: "list", Help: "Named list; default for the default one", No: noMethods(l), Next: methods(setMethods(l))},
	}
}

func methods(do Action[*Editor]) []*node {
	group := &node{Kind: Word, Text: "WORD", Arg: "group", Help: "Server-group name; radius for all RADIUS servers", Do: do}
	all := loop([]*node{
		{Text: "cache", Help: "Use Cached-group", Unsupported: "cached answers of AAA"},
		{Text: "enable", Arg: "other", Help: "Use enable password for authentication: a terminal's only.", Do: do},
		{Text: "group", Help: "Use Server-group"},
		{Text: "if-authenticated", Arg: "other", Help: "Succeed if user has authenticated: a terminal's only.", Do: do},
		{Text: "line", Arg: "other", Help: "Use line password for authentication: a terminal's only.", Do: do},
		{Text: "local", Arg: "local", Help: "Use the users and groups of this configuration.", Do: do},
		{Text: "local-case", Arg: "local", Help: "Use its users, with the case of their names.", Do: do},
		{Text: "none", Arg: "none", Help: "NO authentication or authorization: everybody passes.", Do: do},
	})
	for _, n := range all {
		if n.Text == "group" {
			n.Next = []*node{group}
		}
	}
	group.Next = all
	return all
}

var accountingMethods = loopGroups(setAccounting)

// loopGroups are `group NAME`, again and again, and what may stand before them.
func loopGroups(do Action[*Editor]) []*node {
	name := &node{Kind: Word, Text: "WORD", Arg: "group", Help: "Server-group name; radius for all RADIUS servers", Do: do}
	group := &node{Text: "group", Help: "Use Server-group", Next: []*node{name}}
	name.Next = []*node{group}
	return []*node{
		{Text: "broadcast", Help: "Use Broadcast for Accounting", Unsupported: "accounting by several groups at once"},
		group,
	}
}

func setNewModel(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.AAA.NewModel = on
		e.remember("aaa new-model", a, "")
		return nil
	}
}

// methodsOf reads the methods of a line, in order.
func methodsOf(a Args) []Method {
	var all []Method
	for _, arg := range a {
		switch arg.Name {
		case "local":
			all = append(all, Method{MethodLocal, arg.Text})
		case "group":
			all = append(all, Method{MethodGroup, arg.Text})
		case "none":
			all = append(all, Method{Kind: MethodNone})
		case "other":
			all = append(all, Method{MethodOther, arg.Text})
		}
	}
	return all
}

// maxMethods is how many methods a list takes.
const maxMethods = 4

// setMethods replaces a list's methods.
func setMethods(l lists) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		all := methodsOf(a)
		if len(all) > maxMethods {
			return &Problem{Code: CodeValue, Message: "a list takes four methods at most"}
		}
		name := a.Text("list")
		e.remember(l.mark+name, a, "list")
		to := l.of(&e.cfg.AAA)
		if old := methodList(*to, name); old != nil {
			old.Methods, old.StopOnly = all, a.Has("stop-only")
			return nil
		}
		*to = append(*to, &MethodList{Name: name, Methods: all, StopOnly: a.Has("stop-only")})
		return nil
	}
}

func setAccounting(e *Editor, a Args) *Problem { return setMethods(accountingLists)(e, a) }

func noMethods(l lists) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		to := l.of(&e.cfg.AAA)
		*to = slices.DeleteFunc(*to, func(o *MethodList) bool { return o.Name == a.Text("list") })
		return nil
	}
}

func setInterim(e *Editor, a Args) *Problem {
	e.cfg.AAA.Interim = time.Duration(a.Number("minutes")) * time.Minute
	return nil
}

func noInterim(e *Editor, _ Args) *Problem {
	e.cfg.AAA.Interim = 0
	return nil
}
