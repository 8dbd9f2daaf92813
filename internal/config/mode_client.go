package config

// clientSetter makes the action of a line about clients: change is what the line
// does, on whether it is written without `no`.
type clientSetter func(on bool, change func(*Client, Args)) Action[*Editor]

// clientNodes follow `client` on a crypto map or in a profile.
func clientNodes(set clientSetter, more ...*node) []*node {
	return []*node{
		{Text: "accounting", Arg: "kind", Help: "Set accounting parameters", Next: []*node{
			{Text: "list", Help: "AAA accounting list to use", No: set(false, func(c *Client, _ Args) { c.Accounting = "" }), Next: []*node{
				{Kind: Word, Text: "WORD", Arg: "list", Help: "List name", Do: set(true, func(c *Client, a Args) { c.Accounting = a.Text("list") })},
			}},
		}},
		{Text: "authentication", Arg: "kind", Help: "Set authentication parameters", Next: []*node{
			{Text: "list", Help: "AAA authentication list to use (XAUTH)", No: set(false, func(c *Client, _ Args) { c.Login = "" }), Next: []*node{
				{Kind: Word, Text: "WORD", Arg: "list", Help: "List name", Do: set(true, func(c *Client, a Args) { c.Login = a.Text("list") })},
			}},
		}},
		{Text: "configuration", Help: "Set client configuration parameters", Next: append([]*node{
			{Text: "address", Help: "Set network address parameters", Next: []*node{
				{Text: "initiate", Arg: "kind", Help: "Push the network address to the client", Do: set(true, func(c *Client, _ Args) { c.Initiate = true }), No: set(false, func(c *Client, _ Args) { c.Initiate = false })},
				{Text: "respond", Arg: "kind", Help: "Respond to the client's requests for an address", Do: set(true, func(c *Client, _ Args) { c.Respond = true }), No: set(false, func(c *Client, _ Args) { c.Respond = false })},
			}},
		}, more...)},
		{Text: "username", Help: "Set the username of the client", Unsupported: "a user name of clients without their own"},
	}
}

// networkNodes follow `isakmp` on a crypto map or in a profile.
func networkNodes(set clientSetter) []*node {
	return []*node{{Text: "authorization", Arg: "kind", Help: "Set authorization parameters", Next: []*node{
		{Text: "list", Help: "AAA authorization list to use", No: set(false, func(c *Client, _ Args) { c.Network = "" }), Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "list", Help: "List name", Do: set(true, func(c *Client, a Args) { c.Network = a.Text("list") })},
		}},
	}}}
}

var profileGroupNode = &node{Text: "group", Help: "Set the group that the clients are in, whatever they name", No: noProfileGroup, Next: []*node{
	{Kind: Word, Text: "WORD", Arg: "group", Help: "Name of the group", Do: setProfileGroup},
}}

func setProfileGroup(e *Editor, a Args) *Problem {
	if len(a.Text("group")) > maxGroupName {
		return longGroupName
	}
	e.profile.Group = a.Text("group")
	e.remember(profileMark(e.profile.Name)+" group", a, "group")
	return nil
}

func noProfileGroup(e *Editor, _ Args) *Problem {
	e.profile.Group = ""
	return nil
}

// setMapClient changes what a crypto map does with clients.
func setMapClient(on bool, change func(*Client, Args)) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		m := e.makeCryptoMap(a)
		change(&m.Client, a)
		e.rememberClient(mapMark(m.Name), on, a)
		e.dropEmptyMap(m)
		return nil
	}
}

func setProfileClient(on bool, change func(*Client, Args)) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		change(&e.profile.Client, a)
		e.rememberClient(profileMark(e.profile.Name), on, a)
		return nil
	}
}

// clientMark is where a line about clients stands, by its kind.
func clientMark(owner, kind string) string { return owner + " client " + kind }

func (e *Editor) rememberClient(owner string, on bool, a Args) {
	key := clientMark(owner, a.Text("kind"))
	if !on {
		delete(e.marks, key)
		return
	}
	e.remember(key, a, "list")
}
