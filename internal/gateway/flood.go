package gateway

import (
	"fmt"
	"strings"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// floodNotice is how often a flood that goes on is told.
const floodNotice = time.Minute

// tellFlood tells of floods: when one begins, every minute, and what it was.
func (g *Gateway) tellFlood(now time.Time) {
	f := g.router.Statistics().Floods
	if f == g.flood.told || now.Before(g.flood.next) {
		return
	}
	if parts := floodParts(f, g.flood.told); len(parts) > 0 {
		g.flood.told, g.flood.next = f, now.Add(floodNotice)
		g.say("a flood: %s, since it was told last; `explain crypto` says more", strings.Join(parts, ", "))
	}
}

// floodParts says what came since the counters were as told.
func floodParts(f, told ike.Floods) (parts []string) {
	if held(f) < held(told) || f.Strays < told.Strays || f.Fragments < told.Fragments || f.ESP < told.ESP {
		told = ike.Floods{} // somebody has cleared them
	}
	if n := held(f) - held(told); n > 0 {
		parts = append(parts, fmt.Sprintf("%d first messages, of which %d were answered without keeping a record, and %d came back", n, f.Stubs-told.Stubs, f.Returned-told.Returned))
	}
	if n := f.Strays - told.Strays; n > 0 && f.LastStray != told.LastStray { // fewer are no flood
		parts = append(parts, fmt.Sprintf("%d messages of no SA", n))
	}
	if n := f.Fragments - told.Fragments; n > 0 {
		parts = append(parts, fmt.Sprintf("%d first messages that lack fragments", n))
	}
	if n := f.ESP - told.ESP; n > 0 {
		parts = append(parts, fmt.Sprintf("%d ESP packets of no SA", n))
	}
	return parts
}

// espFlood is how many ESP packets of no SA in a second are a flood.
const espFlood = 1000

// countESP notes a flood of ESP of no SA.
func (g *Gateway) countESP(now time.Time) {
	n := g.plane.Stats().Drops[ipsec.DropUnknownSPI]
	if more := n - g.flood.esp; more > espFlood {
		g.router.OverrunESP(now, more)
	}
	g.flood.esp = n
}

// held are the first messages of floods.
func held(f ike.Floods) uint64 { return f.Stubs + f.ByPrefix + f.ByRate + f.Overrun }

// flood is what of one was told.
type flood struct {
	told ike.Floods
	next time.Time
	esp  uint64    // packets of no SA, as last seen
	spi  time.Time // when one was last told in the log
}
