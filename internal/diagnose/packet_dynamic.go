package diagnose

import (
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// dynamic is what an entry of a dynamic crypto map does with a flow: a pair of a peer
// that is there, or a refusal where the entry protects the flow and nobody is there.
func (t *tracer) dynamic(c *ike.Connection, f ipsec.Flow) *chosen {
	x := &chosen{conn: c, line: firstMatch(c, f), sa: t.newest(f, func(sa *ike.IPsecSA) bool { return sa.Configured == c.Tag })}
	listed := x.line >= 0 && c.ACL[x.line].Permit
	if x.sa == nil && !listed && !t.isClients(c, f.Dst) {
		return nil
	}
	return x
}

// isClients says whether an entry gives an address to clients.
func (t *tracer) isClients(c *ike.Connection, a netip.Addr) bool {
	return c.ServesPools() && slices.ContainsFunc(t.s.Config.PoolRanges(), func(r config.PoolRange) bool {
		return ipsec.Range{Lo: r.Low, Hi: r.High}.Contains(a)
	})
}

// dynamicText says why an entry of a dynamic crypto map is for a packet.
func (t *tracer) dynamicText(x *chosen) string {
	switch {
	case x.sa != nil:
		return "a peer is there for " + pairOf(x.sa.SA.LocalProxy, x.sa.SA.RemoteProxy)
	case x.line >= 0:
		return "its access list permits it: " + pairOf(x.conn.ACL[x.line].Local, x.conn.ACL[x.line].Remote)
	}
	return t.flow.Dst.String() + " is of a pool for clients"
}
