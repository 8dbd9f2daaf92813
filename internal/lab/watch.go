package lab

import (
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// Watcher sees what happens in a World, as it happens. Gateways are named. What
// it is given holds during the call only, and must not be changed.
type Watcher interface {
	// Started tells that a gateway begins with nothing, at first or again.
	Started(gateway string)
	// Record sees every event of a gateway.
	Record(gateway string, r *trace.Record)
	// Installed and Removed see its IPsec SAs, with their keys.
	Installed(gateway string, sa ipsec.SAParams)
	Removed(gateway string, sa ike.RemovedSA)
	// Sent sees an IP packet that a gateway puts on a link by one of its
	// interfaces, before any NAT and before the link's faults.
	Sent(gateway, iface string, packet []byte)
	// Arrived sees an IP packet that a gateway accepts: in clear from a link, or
	// out of ESP.
	Arrived(gateway string, packet []byte, clear bool)
	// Answered tells how many datagrams a gateway sends because of one that it
	// received.
	Answered(gateway string, sent int)
	// Stepped tells that an event of the clock is over, with all that it caused.
	Stepped()
}

// blind is the Watcher of a lab that nobody watches.
type blind struct{}

func (blind) Started(string)                   {}
func (blind) Record(string, *trace.Record)     {}
func (blind) Installed(string, ipsec.SAParams) {}
func (blind) Removed(string, ike.RemovedSA)    {}
func (blind) Sent(string, string, []byte)      {}
func (blind) Arrived(string, []byte, bool)     {}
func (blind) Answered(string, int)             {}
func (blind) Stepped()                         {}

// witness takes a router's events to the Watcher.
type witness struct{ h *host }

// Record implements trace.Sink.
func (w witness) Record(r *trace.Record) { w.h.lab.watch.Record(w.h.name, r) }
