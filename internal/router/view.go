package router

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// The methods below are console.Router's, but for those that a driver adds:
// the ones that send packets, Ping and Version.

// Now is the time of the last input.
func (r *Router) Now() time.Time { return r.now }

// Config is the configuration that runs.
func (r *Router) Config() *config.Config { return r.cfg }

// Hostname is the configured name.
func (r *Router) Hostname() string { return r.cfg.Hostname }

// Started is when the router came up.
func (r *Router) Started() time.Time { return r.started }

// ISAKMPSAs lists the ISAKMP SAs.
func (r *Router) ISAKMPSAs() []ike.ISAKMPSA { return r.engines.ISAKMPSAs() }

// EncryptionKeys are those of phase 1. They are for whoever asks for them by
// command, and for nothing else.
func (r *Router) EncryptionKeys() []ike.EncryptionKey { return r.engines.EncryptionKeys() }

// IPsecSAs lists the pairs of IPsec SAs.
func (r *Router) IPsecSAs() []ike.IPsecSA { return r.engines.IPsecSAs() }

// PairOf returns the pair that an SA, by its ID, is one of; local and remote are its
// ends.
func (r *Router) PairOf(local, remote netip.Addr, id uint32) (ike.IPsecSA, bool) {
	return r.engines.PairOf(local, remote, id)
}

// Connections lists the crypto map entries that are active, and the Easy VPN
// clients, with the addresses that their servers gave.
func (r *Router) Connections() []*ike.Connection {
	if len(r.networks) == 0 {
		return r.conns
	}
	all := slices.Clone(r.conns)
	for i, c := range all {
		if x := r.client(c.Tag); x != nil && x.got.Address.IsValid() {
			shown := *c
			shown.ACL = []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(netip.PrefixFrom(x.got.Address, 32), 0, 0), Remote: c.ACL[0].Remote}}
			all[i] = &shown
		}
	}
	return all
}

// Statistics are the engine's counters.
func (r *Router) Statistics() ike.Statistics { return r.engines.Statistics() }

// Overrun counts first messages that came faster than Datagram could take them.
func (r *Router) Overrun(now time.Time, n uint64) { r.engines.Overrun(now, n) }

// OverrunStrays counts messages of no SA that came faster than Datagram could take them.
func (r *Router) OverrunStrays(now time.Time, n uint64) { r.engines.OverrunStrays(now, n) }

// OverrunESP counts a flood of ESP of no SA.
func (r *Router) OverrunESP(now time.Time, n uint64) { r.engines.OverrunESP(now, n) }

// PacketDrops are the data plane's, and those of earlier runs.
func (r *Router) PacketDrops() ipsec.DropCounts { return r.opts.DataPlane.Drops().Plus(r.dropped) }

// PeersWithHistory lists the peers that the flight recorder knows.
func (r *Router) PeersWithHistory() []netip.Addr { return r.recorder.Peers() }

// Debug is the debug switches.
func (r *Router) Debug() *console.Debug { return &r.debug }

// DebugCondition says whose debug lines are shown.
func (r *Router) DebugCondition() *console.DebugCondition { return &r.condition }

// timestamps turns `service timestamps debug` into the renderer's.
func timestamps(t config.Timestamps) trace.Timestamps {
	switch t.Form {
	case config.TimestampsUptime:
		return trace.TimestampsUptime
	case config.TimestampsDatetime:
		if t.Msec {
			return trace.TimestampsDatetimeMsec
		}
		return trace.TimestampsDatetime
	}
	return trace.TimestampsOff
}
