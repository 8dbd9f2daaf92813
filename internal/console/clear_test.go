package console

import (
	"strings"
	"testing"

	"qmidle/internal/trace"
)

func TestClear(t *testing.T) {
	none := "{Peer:invalid IP Map: Destination:invalid IP SPI:0}"
	tests := []struct {
		line, asked string
		want        Cleared
	}{
		{"clear crypto isakmp", "isakmp 0", Cleared{"isakmp", 0, 1}},
		{"clear crypto isakmp 2", "isakmp 2", Cleared{"isakmp", 2, 1}},
		{"clear crypto sa", "ipsec " + none, Cleared{"ipsec", 0, 1}},
		{"clear crypto sa peer 192.1.1.42", "ipsec {Peer:192.1.1.42 Map: Destination:invalid IP SPI:0}", Cleared{"ipsec", 0, 1}},
		{"clear crypto sa map CMAP", "ipsec {Peer:invalid IP Map:CMAP Destination:invalid IP SPI:0}", Cleared{"ipsec", 0, 1}},
		{"clear crypto sa entry 192.1.1.40 esp 0x705B8268", "ipsec {Peer:invalid IP Map: Destination:192.1.1.40 SPI:1885045352}", Cleared{"ipsec", 0, 1}},
		{"clear crypto sa entry 192.1.1.40 esp 1885045352", "ipsec {Peer:invalid IP Map: Destination:192.1.1.40 SPI:1885045352}", Cleared{"ipsec", 0, 1}},
		{"clear crypto sa counters", "counters", Cleared{"counters", 0, 0}},
		{"clear crypto session", "session {Local:invalid IP Remote:invalid IP RemotePort:0}", Cleared{"session", 0, 2}},
		{"clear crypto session remote 192.1.1.42", "session {Local:invalid IP Remote:192.1.1.42 RemotePort:0}", Cleared{"session", 0, 2}},
		{"clear crypto session remote 192.1.1.42 port 4500", "session {Local:invalid IP Remote:192.1.1.42 RemotePort:4500}", Cleared{"session", 0, 2}},
		{"clear crypto session local 192.1.1.40", "session {Local:192.1.1.40 Remote:invalid IP RemotePort:0}", Cleared{"session", 0, 2}},
		{"clear crypto session local 192.1.1.40 remote 192.1.1.42 port 500", "session {Local:192.1.1.40 Remote:192.1.1.42 RemotePort:500}", Cleared{"session", 0, 2}},
		{"clear access-list counters", "matches [1]", Cleared{"access_list_counters", 0, 0}},
		{"clear access-list counters 101", "matches [1]", Cleared{"access_list_counters", 0, 0}},
	}
	for _, tt := range tests {
		f := upResponder(t)
		r := run(t, f, tt.line)
		equal(t, "", r.Output)
		equal(t, any(tt.want), r.JSON)
		equal(t, []string{tt.asked}, f.cleared)
	}
}

// The log begins anew; the history keeps what it has.
func TestClearLogging(t *testing.T) {
	f := upResponder(t)
	f.records = []trace.Record{record(-60, 2, trace.QMIdle, &trace.ISAKMPOnOff{On: true}), record(60, 2, trace.QMIdle, &trace.ISAKMPOnOff{})}
	history := run(t, f, "show crypto isakmp history").Output
	equal(t, any(Cleared{Cleared: "logging"}), run(t, f, "clear logging").JSON)
	log := run(t, f, "show logging").Output
	if strings.Contains(log, "ISAKMP is ON") || !strings.Contains(log, "ISAKMP is OFF") {
		t.Errorf("the log holds\n%s", log)
	}
	equal(t, history, run(t, f, "show crypto isakmp history").Output)
}
