package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/trace"
)

// History is show crypto isakmp history: the flight recorder's events. Each
// event is a JSON object as package trace writes it.
type History struct {
	Peers  []netip.Addr      `json:"peers"` // those that have a history
	Events []json.RawMessage `json:"events"`

	records []trace.Record
}

func history(r Router, a config.Args) (View, error) {
	view := History{Peers: []netip.Addr{}, Events: []json.RawMessage{}, records: r.History(a.Addr("peer"))}
	view.Peers = append(view.Peers, r.PeersWithHistory()...)
	for i := range view.records {
		line := trace.AppendJSON(nil, &view.records[i])
		view.Events = append(view.Events, bytes.TrimSpace(line))
	}
	return view, nil
}

// Text has a line for each event: the time in UTC, the peer, the conn-id, the
// event's code and its fields. Below stands what IOS's debug says of it.
func (v History) Text() string {
	if len(v.records) == 0 {
		return "No events recorded\n"
	}
	ios := trace.IOS{ISAKMP: true, IPsec: true, Engine: true, AAAAuthentication: true, AAAAuthorization: true, RADIUS: true, Sessions: true}
	var b strings.Builder
	for i := range v.records {
		rec := &v.records[i]
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
