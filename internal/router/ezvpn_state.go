package router

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// easyVPN is one Easy VPN client: what it is to do, and how far it is.
//
// What the server gave holds until the tunnel comes up with something else or is
// no longer wanted: what it protects waits meanwhile, and does not pass in clear.
type easyVPN struct {
	cfg    *config.EasyVPN
	conn   *ike.Connection
	inside []netip.Prefix // networks, which no tunnel leads to
	beside []netip.Prefix // networks, which no tunnel leads to where the server lets it
	// interesting are the lines of `connect acl`.
	interesting []policy.ACLEntry
	wanted      bool
	up          bool
	state       console.EasyVPNState
	event       console.EasyVPNEvent
	got         ike.ClientConfig
	user        string

	next     time.Time // of the next try, where it is wanted and not up
	failures int       // in a row

	question uint64             // of the server, to the operator; 0 for none
	asked    ike.AskCredentials // it
	refused  bool               // the server does not take the password of the configuration
	rejected int                // logins that it has refused, in a row
	assigned netip.Addr         // of the tunnel that is, or was, up
	denied   bool               // the server does not allow one to be stored
}

// Intervals between tries to bring a tunnel up.
const (
	retryAfterLoss = time.Second
	retryFirst     = 2 * time.Second
	retryLast      = time.Minute
	retryWatch     = 15 * time.Second // of one that says nothing
)

// newEasyVPNs are the clients of connections. One that was there before goes on.
func newEasyVPNs(cfg *config.Config, conns []*ike.Connection, before []*easyVPN) (all []*easyVPN, err error) {
	for _, conn := range conns {
		v := clientOf(cfg, conn)
		if v == nil {
			continue
		}
		x := &easyVPN{state: console.EasyVPNConnectRequired, event: console.EasyVPNReset, wanted: v.Connect == config.ConnectAuto}
		if i := slices.IndexFunc(before, func(o *easyVPN) bool { return o.conn.Tag == conn.Tag }); i >= 0 {
			kept := *before[i]
			x = &kept
			x.wanted = x.wanted || v.Connect == config.ConnectAuto
		} else if i := slices.IndexFunc(before, func(o *easyVPN) bool { return o.cfg.Name == v.Name }); i >= 0 {
			x.follow(before[i], conn)
		}
		x.cfg, x.conn, x.inside, x.beside = v, conn, insideNetworks(cfg, v), besideNetworks(cfg, v)
		if x.interesting, err = interesting(cfg, v); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// remotes are what the tunnel leads to.
func (x *easyVPN) remotes() []ipsec.Range {
	direct := x.inside
	if x.got.LocalLAN {
		direct = slices.Concat(direct, x.beside)
	}
	return remotes(x.cfg, x.got.Split, direct)
}

// follow makes a client the successor of what it was: another address of ours, or
// another configuration, opens no way past what its server gave.
func (x *easyVPN) follow(old *easyVPN, conn *ike.Connection) {
	x.user, x.refused, x.rejected, x.denied = old.user, old.refused, old.rejected, old.denied
	if x.wanted && old.conn.EasyVPN.Network == conn.EasyVPN.Network {
		x.got = old.got
	}
}

// interesting is the access list of `connect acl`; none for another.
func interesting(cfg *config.Config, v *config.EasyVPN) (all []policy.ACLEntry, err error) {
	list := cfg.AccessList(v.ACL)
	if v.Connect != config.ConnectACL || list == nil {
		return nil, nil
	}
	for _, line := range list.Entries {
		x, err := aclEntry(v.ACL, line)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// policies are the client's lines in the policy: what it sends through its tunnel,
// or what brings the tunnel up.
func (x *easyVPN) policies() (all []ipsec.PolicyEntry) {
	switch {
	case x.conn.EasyVPN.Network && x.wanted:
		for i, l := range x.conn.ACL {
			all = append(all, ipsec.PolicyEntry{Tag: x.conn.Tag, Line: uint32(i), Permit: l.Permit, Selector: l.Selector()})
		}
	case x.got.Address.IsValid():
		for _, r := range x.remotes() {
			all = append(all, ipsec.PolicyEntry{Tag: x.conn.Tag, Permit: true, Selector: ipsec.Selector{LocalNet: ipsec.HostRange(x.got.Address), RemoteNet: r}})
		}
	case x.cfg.Connect == config.ConnectACL:
		for i, l := range x.interesting {
			all = append(all, ipsec.PolicyEntry{Tag: x.conn.Tag, Line: uint32(i), Permit: l.Permit, Selector: l.Selector()})
		}
	}
	return all
}

func clientPolicies(clients []*easyVPN) (all []ipsec.PolicyEntry) {
	for _, x := range clients {
		all = append(all, x.policies()...)
	}
	return all
}

// clientNetworks are what servers have given to the clients.
func (r *Router) clientNetworks() (all []ClientNetwork) {
	for _, x := range r.clients {
		if x.got.Address.IsValid() {
			all = append(all, ClientNetwork{Address: x.got.Address, Inside: x.inside, Remote: x.remotes()})
		}
	}
	return all
}

func (r *Router) client(tag uint32) *easyVPN {
	if i := slices.IndexFunc(r.clients, func(x *easyVPN) bool { return x.conn.Tag == tag }); i >= 0 {
		return r.clients[i]
	}
	return nil
}

func (r *Router) clientNamed(name string) *easyVPN {
	if i := slices.IndexFunc(r.clients, func(x *easyVPN) bool { return x.cfg.Name == name }); i >= 0 {
		return r.clients[i]
	}
	return nil
}

// takeConfigured notes what servers have given and taken back.
func (r *Router) takeConfigured() {
	for _, c := range r.fx.Configured {
		x := r.client(c.Connection)
		if x == nil || !c.Address.IsValid() {
			continue
		}
		x.got, x.denied = c, !c.SavePassword
		x.step(console.EasyVPNOpen, console.EasyVPNModeConfig)
	}
	r.setClients()
}

// setClients shows the data plane what has changed of the clients.
func (r *Router) setClients() {
	networks, policies := r.clientNetworks(), clientPolicies(r.clients)
	plane, ok := r.opts.DataPlane.(ClientPlane)
	if !ok || r.ending || slices.EqualFunc(networks, r.networks, sameNetwork) && slices.Equal(policies, r.clientEntries) {
		return
	}
	r.networks, r.clientEntries = networks, policies
	if err := plane.SetClients(r.Policies(), networks); err != nil {
		r.errors = append(r.errors, &ClientError{err})
	}
}

func sameNetwork(a, b ClientNetwork) bool {
	return a.Address == b.Address && slices.Equal(a.Inside, b.Inside) && slices.Equal(a.Remote, b.Remote)
}

func (x *easyVPN) move(s console.EasyVPNState, e console.EasyVPNEvent) { x.state, x.event = s, e }

// step is move on the way up: a tunnel that is up stays so while phase 1 is renewed.
func (x *easyVPN) step(s console.EasyVPNState, e console.EasyVPNEvent) {
	if x.up {
		s, e = console.EasyVPNActive, console.EasyVPNSocketUp
	}
	x.move(s, e)
}

// followClients looks at what an input has made of the clients' tunnels.
func (r *Router) followClients() {
	for _, x := range r.clients {
		up := slices.ContainsFunc(r.engines.PairsOf(x.conn.Tag), func(p ike.IPsecSA) bool { return p.OutboundReady })
		switch {
		case up && !x.up:
			x.up, x.failures, x.rejected, x.next, x.assigned = true, 0, 0, time.Time{}, x.got.Address
			x.move(console.EasyVPNActive, console.EasyVPNSocketUp)
			r.tellClient(x)
		case !up && x.up:
			x.up = false
			x.move(console.EasyVPNConnectRequired, console.EasyVPNReset)
			r.tellClient(x)
			r.rest(x, retryAfterLoss)
		case !up && r.failed(x):
			x.failures++
			x.move(console.EasyVPNConnectRequired, console.EasyVPNReset)
			r.rest(x, min(retryFirst<<min(x.failures-1, 10), retryLast))
		case !up && x.wanted && x.next.IsZero():
			x.next = r.now
		}
	}
	r.setClients()
}

// failed says whether a client's request has come to nothing.
func (r *Router) failed(x *easyVPN) bool {
	return slices.ContainsFunc(r.fx.Failed, func(f ike.FailedAcquire) bool { return f.Connection == x.conn.Tag })
}

// rest lets a tunnel that is down be tried again, or not: only `connect auto` tries
// by itself.
func (r *Router) rest(x *easyVPN, wait time.Duration) {
	x.question = 0
	x.next = r.now.Add(wait)
	if x.cfg.Connect != config.ConnectAuto {
		x.drop()
	}
}

// drop gives up what the server gave.
func (x *easyVPN) drop() {
	x.wanted, x.got, x.next, x.question = false, ike.ClientConfig{}, time.Time{}, 0
}

func (r *Router) tellClient(x *easyVPN) {
	rec := trace.Record{Time: r.now, Event: &trace.EasyVPNChanged{Up: x.up, Name: x.cfg.Name, User: x.user, Group: x.cfg.Group, Assigned: x.assigned}}
	rec.Local, rec.Remote = netip.AddrPortFrom(x.conn.Local, 0), netip.AddrPortFrom(r.serverOf(x), 0)
	r.Record(&rec)
}

// serverOf is the server that a client is, or would be, connected with.
func (r *Router) serverOf(x *easyVPN) netip.Addr {
	if a := r.engines.CurrentPeer(x.conn.Tag); a.IsValid() {
		return a
	}
	if len(x.conn.Peers) > 0 {
		return x.conn.Peers[0]
	}
	return netip.Addr{}
}

// clientsDue brings up the tunnels whose time has come.
func (r *Router) clientsDue(now time.Time) {
	for _, x := range r.clients {
		if x.wanted && !x.up && !r.ending && !x.next.IsZero() && !x.next.After(now) {
			r.try(now, x)
		}
	}
}

// try asks for a client's SAs. A request for what is under way is one with it.
func (r *Router) try(now time.Time, x *easyVPN) {
	x.next = now.Add(retryWatch)
	if x.question == 0 && x.state == console.EasyVPNConnectRequired {
		x.move(console.EasyVPNReady, console.EasyVPNConnect)
	}
	for i, l := range x.conn.ACL {
		if a := (ike.Acquire{Connection: x.conn.Tag, Line: i}); l.Permit && !r.park(now, a) {
			r.engines.Acquire(now, a, &r.fx)
		}
	}
}

// clientsDeadline is when the next tunnel is to be tried.
func (r *Router) clientsDeadline() (at time.Time, ok bool) {
	for _, x := range r.clients {
		if x.wanted && !x.up && !r.ending && !x.next.IsZero() && (!ok || x.next.Before(at)) {
			at, ok = x.next, true
		}
	}
	return at, ok
}

// acquireClient takes the data plane's request for a client's tunnel. It is false
// where the tag is no client's.
func (r *Router) acquireClient(now time.Time, tag uint32) bool {
	x := r.client(tag)
	if x == nil {
		return false
	}
	if x.wanted || x.cfg.Connect == config.ConnectACL {
		x.wanted = true
		r.try(now, x)
	}
	return true
}

// maxRejected is how often a password of the configuration is refused, in a row,
// before it is sent no more: users are locked out for less.
const maxRejected = 3

// noteRejected hears of a server's verdict on a user.
func (r *Router) noteRejected(rec *trace.Record) {
	e, is := rec.Event.(*trace.XAUTHStatusReceived)
	if !is || e.OK {
		return
	}
	for _, x := range r.clients {
		if x.conn.Local == rec.Local.Addr() && slices.Contains(x.conn.Peers, rec.Remote.Addr()) {
			x.rejected++
			x.refused = x.refused || x.rejected >= maxRejected
		}
	}
}

// askClient takes a server's question to a client. It is answered by the
// configuration where that has a password which the server lets be stored, else it
// waits for the operator. It is false where it is no client's.
func (r *Router) askClient(q ike.Question) bool {
	asked, is := q.Ask.(ike.AskCredentials)
	x := r.client(asked.Connection)
	if !is || x == nil {
		return false
	}
	x.refused = x.refused || asked.Try > 1
	x.user = x.cfg.User
	if x.cfg.Stored && x.cfg.User != "" && !x.refused && !x.denied && slices.Equal(asked.Prompts, []ike.Prompt{ike.PromptPassword}) {
		x.step(console.EasyVPNReplied, console.EasyVPNRequest)
		r.access.fx.Answers = append(r.access.fx.Answers, aaa.Answered{ID: q.ID, Answer: ike.Credentials{Given: true, User: x.cfg.User, Password: x.cfg.Password}})
		return true
	}
	x.question, x.asked = q.ID, asked
	x.move(console.EasyVPNAsked, console.EasyVPNRequest)
	rec := trace.Record{Time: r.now, Event: &trace.EasyVPNPending{Name: x.cfg.Name}}
	rec.Local, rec.Remote = netip.AddrPortFrom(x.conn.Local, asked.Server.Port()), asked.Server
	r.Record(&rec)
	return true
}

// AnswerClient gives a server what the operator has to say. It is false where
// nobody asks.
func (r *Router) AnswerClient(now time.Time, name string, c ike.Credentials) (out Output, ok bool) {
	x := r.clientNamed(name)
	if x == nil || x.question == 0 {
		return out, false
	}
	id := x.question
	x.question, x.user = 0, c.User
	x.step(console.EasyVPNReplied, console.EasyVPNRequest)
	return r.Answer(now, id, c), true
}

// ConnectClient brings a client's tunnel up. It is false where there is no such
// client.
func (r *Router) ConnectClient(now time.Time, name string) (out Output, ok bool) {
	x := r.clientNamed(name)
	if x == nil {
		return out, false
	}
	r.begin(now)
	if !x.up {
		x.wanted, x.failures = true, 0
		r.try(now, x)
	}
	return r.finish(), true
}

// ClearClients ends the tunnels of one client, or of all for "", and returns how
// many there are. Those of `connect auto` begin anew.
func (r *Router) ClearClients(now time.Time, name string) (out Output, n int) {
	r.begin(now)
	for _, x := range r.clients {
		if name != "" && x.cfg.Name != name {
			continue
		}
		n++
		for _, peer := range x.conn.Peers {
			r.engines.ClearSession(now, ike.SessionFilter{Local: x.conn.Local, Remote: peer}, &r.fx)
		}
		x.drop()
		x.failures, x.rejected, x.refused, x.denied = 0, 0, false, false
		x.wanted = x.cfg.Connect == config.ConnectAuto
	}
	return r.finish(), n
}

// ClientConfigs are what servers have told clients, and holds.
func (r *Router) ClientConfigs() (all []ike.ClientConfig) {
	for _, x := range r.clients {
		if x.got.Address.IsValid() {
			all = append(all, x.got)
		}
	}
	return all
}

// EasyVPNClients implements console.EasyVPN.
func (r *Router) EasyVPNClients() (all []console.EasyVPNClient) {
	for _, x := range r.clients {
		c := console.EasyVPNClient{Name: x.cfg.Name, Outside: x.conn.Interface, State: x.state, Event: x.event, Peer: r.serverOf(x), Network: x.conn.EasyVPN.Network,
			Wanted: x.wanted, Config: x.got, Failures: x.failures, Asks: x.question, Question: x.asked, Next: x.next}
		for _, i := range r.cfg.InsideOf(x.cfg) {
			c.Inside = append(c.Inside, i.Name)
		}
		all = append(all, c)
	}
	return all
}
