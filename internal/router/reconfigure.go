package router

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Change is a configuration that a router can take over, and what comes of it.
type Change struct {
	Config *config.Config
	// Connections are those of the new configuration. One that is negotiated as
	// before has its old tag; every other has a tag that none had before.
	Connections []*ike.Connection
	peers       peering
	// Notices say, a sentence each, what SAs end and what goes on as before
	// until it is negotiated anew.
	Notices []string

	reason trace.Reason // of the ends of SAs
	local  LocalAddress
	names  *names

	clients []*easyVPN
}

// Policies is the SPD that the data plane needs after the change.
func (c *Change) Policies() []ipsec.PolicyEntry {
	return append(policyEntries(c.Connections, poolRanges(c.Config)), clientPolicies(c.clients)...)
}

// Prepare works out what a configuration without errors changes. It fails for
// what the configuration asks and this cannot do, and changes nothing. The
// Change is stale after the router's next input.
func (r *Router) Prepare(cfg *config.Config, local LocalAddress) (*Change, error) {
	known := newNames(cfg, r.names)
	conns, err := connections(cfg, local, known)
	if err != nil {
		return nil, err
	}
	c := &Change{Config: cfg, Connections: conns, reason: trace.ReasonReconfigured, local: local, names: known, peers: newPeering(cfg, local, known)}
	tag := r.lastTag
	before := byEntry(r.conns)
	kept := make(map[uint32]bool) // several may come of one that had several interfaces
	for _, x := range conns {
		old := before.find(x)
		if old != nil && difference(old, x) == "" && !kept[old.Tag] {
			x.Tag, x.Former = old.Tag, old.Former
			kept[x.Tag] = true
			continue
		}
		tag++
		x.Tag = tag
	}
	if c.clients, err = newEasyVPNs(cfg, conns, r.clients); err != nil {
		return nil, err
	}
	c.Notices = append(r.endings(c), r.postponed(c)...)
	return c, nil
}

// Reconfigure makes a prepared change. Its data plane must have the change's
// policies by then: what they protect must at no time find the old ones gone.
func (r *Router) Reconfigure(now time.Time, c *Change) Output {
	was := r.active()
	r.tellAddresses(now, c)
	r.cfg, r.conns, r.peers, r.opts.Local, r.names = c.Config, c.Connections, c.peers, c.local, c.names
	r.clients, r.clientEntries = c.clients, clientPolicies(c.clients)
	for _, x := range c.Connections {
		r.lastTag = max(r.lastTag, x.Tag)
	}
	r.setLogging()
	r.access.aaa.Configure(aaaConfig(r.cfg, r.opts, r))
	r.engines.Reconfigure(now, r.engineConfig(), c.reason, r.begin(now))
	out := r.finish()
	r.askReverseRoutes()
	r.tally.keep(append(r.Instances(), r.conns...))
	if on := r.active(); on != was {
		r.Record(&trace.Record{Time: now, Event: &trace.ISAKMPOnOff{On: on}})
	}
	return out
}

// difference names what of a connection changed so that its SAs cannot stay; ""
// is nothing. Lines at the end of the access list, the replay window of SAs to
// come, the idle time, and further interfaces of a map with a local address of
// its own disturb no SA.
func difference(old, x *ike.Connection) string {
	switch {
	case old.Local != x.Local:
		return "the address of " + endpointName(x)
	case !slices.Equal(old.Peers, x.Peers):
		return "the peer"
	case len(x.ACL) < len(old.ACL) || !slices.Equal(old.ACL, x.ACL[:len(old.ACL)]), x.Dynamic && (len(old.ACL) == 0) != (len(x.ACL) == 0):
		return "the access list"
	case !slices.EqualFunc(old.TransformSets, x.TransformSets, sameTransforms):
		return "the transform set"
	case old.PFS != x.PFS:
		return "PFS"
	case old.Profile != x.Profile:
		return "the ISAKMP profile"
	case old.Lives != x.Lives || old.Timed != x.Timed:
		return "the lifetime"
	case !reflect.DeepEqual(rest(old), rest(x)):
		return "the entry"
	}
	return ""
}

// sameTransforms compares sets without their names, which no peer sees.
func sameTransforms(a, b policy.TransformSet) bool {
	a.Name, b.Name = "", ""
	return a == b
}

// rest is a connection without what difference compares by itself.
func rest(c *ike.Connection) ike.Connection {
	x := *c
	x.Tag, x.Peers, x.ACL, x.TransformSets, x.ReplayWindow = 0, nil, nil, nil, 0
	x.IdleTime, x.IdleToDefault, x.Former = 0, false, nil
	x.Interface, x.MoreInterfaces = "", nil
	return x
}

// endings are the notices of SAs that a change ends.
func (r *Router) endings(c *Change) (notices []string) {
	if r.active() && !c.Config.ISAKMP.Enabled {
		return []string{"ISAKMP is off: its SAs are cleared"}
	}
	up := make(map[uint32]bool)
	for _, sa := range r.engines.IPsecSAs() {
		up[sa.Configured] = true
	}
	after := byEntry(c.Connections)
	for _, old := range r.conns {
		x := after.find(old)
		switch {
		case !up[old.Tag] || x != nil && x.Tag == old.Tag:
		case x == nil:
			notices = append(notices, fmt.Sprintf("%s: it no longer applies to %s: its SAs are cleared", entryName(old), old.Interface))
		default:
			notices = append(notices, fmt.Sprintf("%s: %s changed: its SAs are cleared", entryName(old), difference(old, x)))
		}
	}
	return notices
}

// entryName is how the configuration names what a connection was made of.
func entryName(c *ike.Connection) string {
	if c.EasyVPN != nil {
		return "crypto ipsec client ezvpn on " + c.Interface
	}
	if c.Dynamic {
		return fmt.Sprintf("crypto dynamic-map %s %d", c.DynamicMap, c.DynamicSeq)
	}
	return fmt.Sprintf("crypto map %s %d", c.Map, c.Seq)
}

// postponed are the notices of what is up and stays as it was negotiated.
func (r *Router) postponed(c *Change) (notices []string) {
	if len(r.up()) > 0 && c.Config.ISAKMP.Enabled {
		if !slices.Equal(IKEPolicies(r.cfg), IKEPolicies(c.Config)) {
			notices = append(notices, "crypto isakmp policy: the ISAKMP SAs that are up keep theirs until they are negotiated anew")
		}
		if identity(r.cfg) != identity(c.Config) {
			notices = append(notices, "crypto isakmp identity: the ISAKMP SAs that are up keep theirs until they are negotiated anew")
		}
	}
	notices = append(notices, r.repeered(c)...)
	if r.newWindow(c) {
		notices = append(notices, "security-association replay: the IPsec SAs that are up keep their window until they are negotiated anew")
	}
	return notices
}

// newWindow says whether SAs that are up would have another replay window now.
func (r *Router) newWindow(c *Change) bool {
	before, after := byTag(r.conns), byTag(c.Connections)
	for _, sa := range r.engines.IPsecSAs() {
		old, now := before[sa.Configured], after[sa.Configured]
		if old != nil && now != nil && old.ReplayWindow != now.ReplayWindow {
			return true
		}
	}
	return false
}

// repeered are the notices of peers whose key or profile is another now.
func (r *Router) repeered(c *Change) (notices []string) {
	told := make(map[string]bool)
	tell := func(format string, peer netip.Addr) {
		if text := fmt.Sprintf(format, peer); !told[text] {
			told[text] = true
			notices = append(notices, text)
		}
	}
	for _, sa := range r.up() {
		if !r.peers.sameKey(&c.peers, sa) {
			tell("crypto isakmp key of %s: its ISAKMP SA stays until it is negotiated anew", sa.Remote.Addr())
		}
		if !r.peers.sameProfile(&c.peers, sa) {
			tell("crypto isakmp profile of %s: its ISAKMP SA stays until it is negotiated anew", sa.Remote.Addr())
		}
	}
	return notices
}

// up lists the ISAKMP SAs that are up, by the peer's address.
func (r *Router) up() (all []ike.ISAKMPSA) {
	for _, s := range r.engines.ISAKMPSAs() {
		if s.Show == trace.QMIdle && !s.Dead {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b ike.ISAKMPSA) int { return a.Remote.Addr().Compare(b.Remote.Addr()) })
	return all
}
