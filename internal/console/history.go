package console

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/trace"
)

// History is show crypto isakmp history: the flight recorder's events. Each
// event is a JSON object as package trace writes it.
type History struct {
	Peers  []netip.Addr `json:"peers"` // those that have a history
	Events Events       `json:"events"`
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
	view := History{Peers: []netip.Addr{}, Events: r.History(a.Addr("peer"))}
	view.Peers = append(view.Peers, r.PeersWithHistory()...)
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
	return b.String()
}

func peerText(a netip.Addr) string {
	if !a.IsValid() {
		return "(no peer)"
	}
	return a.String()
}
