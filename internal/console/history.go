package console

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/trace"
)

// History is show crypto isakmp history: the flight recorder's events. Each
// event is a JSON object as package trace writes it.
type History struct {
	Peers  []netip.Addr `json:"peers"` // those that have a history
	Events Events       `json:"events"`
	// Omitted is how many peers' events are left out: those that were silent longest.
	Omitted int `json:"omitted_peers,omitempty"`
}

// historyMost is about how many events one listing has. The flight recorder may hold
// a million: as text they would be half a gigabyte.
const historyMost = 10_000

// historiesAtOnce is how many peers' events are read before the gateway goes on.
const historiesAtOnce = 32

// eachHistory calls f with the events of each of some peers. Where the gateway ends
// meanwhile the rest is left out.
func eachHistory(r Router, peers []netip.Addr, f func([]trace.Record)) {
	goOn := func() error { return nil }
	for i, peer := range peers {
		if i%historiesAtOnce == historiesAtOnce-1 && aside(r, goOn) != nil {
			return
		}
		f(r.History(peer))
	}
}

// lately calls f with the events of the peers that were active last, of as many as one
// listing has, and returns how many are left out.
func lately(r Router, f func(netip.Addr, []trace.Record)) (omitted int) {
	peers, events := r.PeersWithHistory(), 0
	for i, peer := range peers {
		if events >= historyMost {
			return len(peers) - i
		}
		list := r.History(peer)
		events += len(list)
		f(peer, list)
	}
	return 0
}

// Events are written as JSON only where somebody wants that: there may be half a
// million.
type Events []trace.Record

// MarshalJSON implements json.Marshaler.
func (e Events) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i := range e {
		if i > 0 {
			b = append(b, ',')
		}
		b = bytes.TrimSpace(trace.AppendJSON(b, &e[i]))
	}
	return append(b, ']'), nil
}

func history(r Router, a config.Args) (View, error) {
	view := History{Peers: append([]netip.Addr{}, r.PeersWithHistory()...)}
	if peer := a.Addr("peer"); peer.IsValid() {
		view.Events = r.History(peer)
		return view, nil
	}
	view.Omitted = lately(r, func(_ netip.Addr, list []trace.Record) { view.Events = append(view.Events, list...) })
	slices.SortStableFunc(view.Events, func(a, b trace.Record) int { return a.Time.Compare(b.Time) })
	return view, nil
}

// Text has a line for each event: the time in UTC, the peer, the conn-id, the
// event's code and its fields. Below stands what IOS's debug says of it.
func (v History) Text() string {
	if len(v.Events) == 0 {
		return "No events recorded\n"
	}
	ios := trace.IOS{ISAKMP: true, IPsec: true, Engine: true, AAAAuthentication: true, AAAAuthorization: true, RADIUS: true, Sessions: true}
	var b strings.Builder
	for i := range v.Events {
		rec := &v.Events[i]
		fmt.Fprintf(&b, "%s %s conn-id %d %s\n", rec.Time.UTC().Format("2006-01-02 15:04:05.000"),
			peerText(rec.Remote.Addr()), rec.Conn, trace.AppendText(nil, rec))
		for line := range strings.Lines(string(ios.Append(nil, rec))) {
			b.WriteString("    " + line)
		}
	}
	b.WriteString(omittedText(v.Omitted))
	return b.String()
}

// omittedText tells that a listing has not all.
func omittedText(peers int) string {
	if peers == 0 {
		return ""
	}
	return fmt.Sprintf("%d peers that were silent longer are left out: ask for one by `peer A.B.C.D`\n", peers)
}

func peerText(a netip.Addr) string {
	if !a.IsValid() {
		return "(no peer)"
	}
	return a.String()
}
