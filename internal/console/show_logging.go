package console

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

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
	view := Logging{Lines: []string{}}
	records, cleared := r.History(netip.Addr{}), r.LogCleared()
	for i := range records {
		if !records[i].Time.After(cleared) {
			continue
		}
		renderer := &ios
		if !shown(records[i].Remote.Addr()) {
			renderer = &quiet
		}
		for line := range bytes.Lines(renderer.Append(nil, &records[i])) {
			view.Lines = append(view.Lines, strings.TrimRight(string(line), "\n"))
		}
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
