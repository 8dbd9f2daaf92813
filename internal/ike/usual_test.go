package ike

import (
	"bytes"
	"testing"
	"time"

	"qmidle/internal/trace"
)

// TestUsualEvents writes the events that the flight recorder expects: those of a site
// and of its hub, which has a dynamic map, while their tunnel comes up, is kept with
// dead peer detection, and is renewed.
func TestUsualEvents(t *testing.T) {
	limits := trace.Limits{Peers: 1, PeerBytes: 1 << 16}
	hub, spoke := trace.NewRecorder(limits), trace.NewRecorder(limits)
	p := busyPair(t)
	p.hub.engine.conns = indexOf([]*Connection{template()})
	for _, s := range []*side{p.hub, p.spoke} {
		s.engine.cfg.Keys = wildcard
		s.engine.cfg.Keepalive = &Keepalive{Interval: 45 * time.Second, Retry: 2 * time.Second, Periodic: true}
	}
	p.hub.engine.cfg.Events, p.spoke.engine.cfg.Events = hub, spoke
	p.connect()
	hubTraffic, spokeTraffic := p.hub.engine.cfg.Traffic, p.spoke.engine.cfg.Traffic
	p.hub.engine.cfg.Traffic, p.spoke.engine.cfg.Traffic = nil, nil // so that the peer is asked
	p.advance(70 * time.Second)
	p.hub.engine.cfg.Traffic, p.spoke.engine.cfg.Traffic = hubTraffic, spokeTraffic
	p.advance(55 * time.Second)
	p.checkUp()
	var b bytes.Buffer
	for _, records := range [][]trace.Record{spoke.Records(hubAddr), hub.Records(spokeAddr)} {
		for i := range records {
			b.Write(trace.AppendJSON(nil, &records[i]))
		}
	}
	golden(t, "../../trace/testdata/usual.jsonl", b.String())
}
