package router

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// clearTextInterval is the least time between two messages about clear text of
// one connection: whoever forges packets must not fill the log.
const clearTextInterval = time.Minute

// clearTextLimit is when each connection was last told of, by its tag.
type clearTextLimit map[uint32]time.Time

func (l *clearTextLimit) due(tag uint32, now time.Time) bool {
	last, told := (*l)[tag]
	if told && now.Sub(last) < clearTextInterval {
		return false
	}
	if *l == nil {
		*l = make(clearTextLimit)
	}
	(*l)[tag] = now
	return true
}

// ClearTextDropped tells of a packet that came in clear where a crypto map wants
// IPsec, and that the data plane has dropped. The message goes to the history
// of the connection's peer, not to that of the packet's source, which may be
// forged.
func (r *Router) ClearTextDropped(now time.Time, flow ipsec.Flow) Output {
	r.begin(now)
	conn := r.connectionFor(flow.Reverse())
	if conn == nil {
		return r.finish() // the policy has changed since
	}
	if !r.clearText.due(conn.Tag, now) {
		return r.finish()
	}
	rec := trace.Record{Time: now, Event: &trace.ClearTextReceived{Src: flow.Src, Dst: flow.Dst, Protocol: flow.Protocol}}
	if len(conn.Peers) > 0 {
		rec.Remote = netip.AddrPortFrom(conn.Peers[0], 0)
		rec.Local = netip.AddrPortFrom(conn.Local, 0)
	}
	r.Record(&rec)
	return r.finish()
}

// connectionFor returns the connection whose crypto map selects a flow that
// leaves this side, nil for none.
func (r *Router) connectionFor(flow ipsec.Flow) *ike.Connection {
	e, ok := ipsec.NewSPD(r.policiesInOrder()).Lookup(flow)
	if !ok {
		return nil
	}
	return tagged(append(r.Instances(), r.conns...), e.Tag)
}

// tagged returns the connection of a tag, nil for none.
func tagged(conns []*ike.Connection, tag uint32) *ike.Connection {
	if i := slices.IndexFunc(conns, func(c *ike.Connection) bool { return c.Tag == tag }); i >= 0 {
		return conns[i]
	}
	return nil
}
