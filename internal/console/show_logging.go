package console

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/trace"
)

// Logging is show logging: the system messages that the flight recorder holds,
// and the lines of the debugs that are on now, whenever they were switched on.
type Logging struct {
	Lines []string `json:"lines"`
}

func logging(r Router) Logging {
	d, shown := *r.Debug(), debugFilter(r)
	stamp := timestamps(r.Config().TimestampsDebug)
	quiet := trace.IOS{Sessions: r.Config().LogSessions, Started: r.Started(), DebugTime: stamp, LogTime: stamp}
	ios := quiet
	ios.ISAKMP, ios.IPsec, ios.Engine = d.ISAKMP, d.IPsec, d.Engine
	type logged struct {
		at   time.Time
		line string
	}
	var all []logged
	var text []byte
	cleared := r.LogCleared()
	eachHistory(r, r.PeersWithHistory(), func(records []trace.Record) {
		for i := range records {
			rec := &records[i]
			if !rec.Time.After(cleared) {
				continue
			}
			renderer := &ios
			if !shown(rec.Remote.Addr()) {
				renderer = &quiet
			}
			text = renderer.Append(text[:0], rec)
			for line := range bytes.Lines(text) {
				all = append(all, logged{rec.Time, strings.TrimRight(string(line), "\n")})
			}
		}
	})
	slices.SortStableFunc(all, func(a, b logged) int { return a.at.Compare(b.at) })
	view := Logging{Lines: make([]string, len(all))}
	for i, l := range all {
		view.Lines[i] = l.line
	}
	return view
}

// timestamps turns `service timestamps debug` into the renderer's.
func timestamps(t config.Timestamps) trace.Timestamps {
	switch {
	case t.Form == config.TimestampsUptime:
		return trace.TimestampsUptime
	case t.Form == config.TimestampsDatetime && t.Msec:
		return trace.TimestampsDatetimeMsec
	case t.Form == config.TimestampsDatetime:
		return trace.TimestampsDatetime
	}
	return trace.TimestampsOff
}

// Text has IOS's two parts; its counters of other destinations have no like
// here.
func (v Logging) Text() string {
	var b strings.Builder
	b.WriteString("Syslog logging: enabled\n")
	fmt.Fprintf(&b, "    Buffer logging: level debugging, %d messages logged\n\n", len(v.Lines))
	b.WriteString("Log Buffer:\n\n")
	for _, line := range v.Lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}
