package console

import (
	"net/netip"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/ladder"
	"qmidle/internal/trace"
)

// Style is what an operator's screen can show besides ASCII.
type Style = ladder.Style

// drawing is a View that looks better on a screen than in a file. What it draws
// is free of anything that a peer has chosen but numbers and addresses: it is
// shown with its control characters.
type drawing interface {
	Draw(Style) string
}

// Ladders is show crypto isakmp ladder.
type Ladders struct {
	Ladders []ladder.Ladder `json:"ladders"` // the peer that was active last first
	// Omitted is how many peers are left out: those that were silent longest.
	Omitted int `json:"omitted_peers,omitempty"`
}

func ladders(r Router, a config.Args) (View, error) {
	view := Ladders{Ladders: []ladder.Ladder{}}
	add := func(peer netip.Addr, list []trace.Record) {
		if !peer.IsValid() {
			return // what is about no peer has no other end
		}
		if l := ladder.Of(peer, list, r.HistoryLost(peer)); len(l.Sections) > 0 {
			view.Ladders = append(view.Ladders, l)
		}
	}
	if peer := a.Addr("peer"); peer.IsValid() {
		add(peer, r.History(peer))
		return view, nil
	}
	view.Omitted = lately(r, add)
	return view, nil
}

// Text is plain ASCII of 79 columns.
func (v Ladders) Text() string { return v.Draw(Style{}) }

// Draw draws the ladders one below the other.
func (v Ladders) Draw(style Style) string {
	if len(v.Ladders) == 0 {
		return "No events recorded\n" + omittedText(v.Omitted)
	}
	var parts []string
	for i := range v.Ladders {
		parts = append(parts, v.Ladders[i].Text(style))
	}
	return strings.Join(parts, "\n") + omittedText(v.Omitted)
}
