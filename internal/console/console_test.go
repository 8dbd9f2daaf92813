package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/config"
	"qmidle/internal/trace"
)

// run fails the test when the line does.
func run(t *testing.T, r Router, line string) Result {
	t.Helper()
	result := New(r).Run(line)
	if result.Err != nil {
		t.Fatalf("%s: %v", line, result.Err)
	}
	return result
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The book's Example 19-1, the same on both ends.
func TestISAKMPSAsAreTheBooksOnBothEnds(t *testing.T) {
	const want = `dst             src             state          conn-id slot
192.1.1.40      192.1.1.42      QM_IDLE              2    0
`
	for _, end := range []*fakeRouter{upInitiator(t), upResponder(t)} {
		equal(t, want, run(t, end, "show crypto isakmp sa").Output)
	}
}

func TestDeadSAsAreNotShownUp(t *testing.T) {
	tests := []struct{ live, dead trace.ShowState }{
		{trace.QMIdle, trace.MMNoState},
		{trace.MMKeyExch, trace.MMNoState},
		{trace.AGInitExch, trace.AGNoState},
	}
	for _, tt := range tests {
		f := upResponder(t)
		f.isakmp[0].Show, f.isakmp[0].Dead, f.isakmp[0].DeadReason = tt.live, true, trace.ReasonUserCommand
		row := run(t, f, "show crypto isakmp sa").JSON.(ISAKMPSAs).SAs[0]
		if row.State != tt.dead.String() || row.LastState != tt.live.String() || row.DeadReason != "BY user command" {
			t.Errorf("dead %s is shown as %q, last %q, reason %q", tt.live, row.State, row.LastState, row.DeadReason)
		}
	}
}

func TestAbbreviations(t *testing.T) {
	tests := []struct{ short, long string }{
		{"sh cry isa sa", "show crypto isakmp sa"},
		{"SHOW CRYPTO ISAKMP SA", "show crypto isakmp sa"},
		{"  sh  cr\tips  sa ", "show crypto ipsec sa"},
		{"sh cry ses", "show crypto session"},
		{"sh cr m", "show crypto map"},
		{"sh cry isa pol", "show crypto isakmp policy"},
		{"sh cry isa st", "show crypto isakmp statistics"},
		{"sh cry isa hi p 192.1.1.42", "show crypto isakmp history peer 192.1.1.42"},
		{"sh run", "show running-config"},
		{"sh ver", "show version"},
		{"sh deb", "show debugging"},
		{"deb cry isa", "debug crypto isakmp"},
		{"deb cry ips", "debug crypto ipsec"},
		{"no deb cry isa", "no debug crypto isakmp"},
		{"u c isa", "undebug crypto isakmp"},
		{"u all", "undebug all"},
		{"cl cry isa", "clear crypto isakmp"},
		{"cl cry isa 2", "clear crypto isakmp 2"},
		{"cl cry sa", "clear crypto sa"},
		{"cl cry sa c", "clear crypto sa counters"},
		{"cl cry ses r 192.1.1.42", "clear crypto session remote 192.1.1.42"},
		{"cl log", "clear logging"},
		{"p 192.168.3.1 so 192.168.2.1", "ping 192.168.3.1 source 192.168.2.1"},
	}
	for _, tt := range tests {
		a, b := run(t, policyMismatchAndUp(t), tt.short), run(t, policyMismatchAndUp(t), tt.long)
		if a.Output != b.Output || encode(t, a.JSON) != encode(t, b.JSON) {
			t.Errorf("%q and %q differ:\n%s\n%s", tt.short, tt.long, a.Output, b.Output)
		}
	}
}

// encode is a view's type and its JSON.
func encode(t *testing.T, view any) string {
	t.Helper()
	encoded, err := json.Marshal(view)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%T %s", view, encoded)
}

// policyMismatchAndUp has something to show for every command.
func policyMismatchAndUp(t *testing.T) *fakeRouter {
	f := upResponder(t)
	f.records = policyMismatch(t).records
	return f
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ line, want string }{
		{"show cryptoo isakmp sa", "show cryptoo isakmp sa\n     ^\n% Invalid input detected at '^' marker."},
		{"show crypto isakmp sa 5", "show crypto isakmp sa 5\n                      ^\n% Invalid input detected at '^' marker."},
		{"foo", "foo\n^\n% Invalid input detected at '^' marker."},
		{"show\tcrypto  foo", "show\tcrypto  foo\n    \t        ^\n% Invalid input detected at '^' marker."},
		{"clear crypto isakmp 0", "clear crypto isakmp 0\n                    ^\n% Invalid input detected at '^' marker."},
		{"ping 300.1.1.1", "ping 300.1.1.1\n     ^\n% Invalid input detected at '^' marker."},
		{"show crypto isakmp history peer x", "show crypto isakmp history peer x\n                                ^\n% Invalid input detected at '^' marker."},
		{"| include x", "| include x\n^\n% Invalid input detected at '^' marker."},
		{"show", "% Incomplete command."},
		{"show crypto", "% Incomplete command."},
		{"clear crypto", "% Incomplete command."},
		{"clear crypto sa peer", "% Incomplete command."},
		{"clear crypto sa entry 192.1.1.40", "% Incomplete command."},
		{"clear access-list", "% Incomplete command."},
		{"clear crypto session remote 192.1.1.42 port 0", "clear crypto session remote 192.1.1.42 port 0\n                                            ^\n% Invalid input detected at '^' marker."},
		{"no", "% Incomplete command."},
		{"ping", "% Incomplete command."},
		{"ping 10.1.1.1 source", "% Incomplete command."},
		{"show crypto i sa", `% Ambiguous command:  "show crypto i sa"`},
		{"sh cry isa s", `% Ambiguous command:  "sh cry isa s"`},
	}
	for _, tt := range tests {
		r := New(upResponder(t)).Run(tt.line)
		var syntax *SyntaxError
		if !errors.As(r.Err, &syntax) || r.Err.Error() != tt.want || r.Output != "" || r.JSON != nil {
			t.Errorf("%q: output %q, error\n%v\nwant\n%s", tt.line, r.Output, r.Err, tt.want)
		}
	}
}

func TestCaretStandsUnderTheTypedWord(t *testing.T) {
	c := New(upResponder(t))
	tests := []struct{ line, want string }{
		{"show cryptoo isakmp sa", "         ^\n% Invalid input detected at '^' marker.\n\n"},
		{"show crypto", "% Incomplete command.\n\n"},
		{"sh cry i", "% Ambiguous command:  \"sh cry i\"\n\n"},
	}
	for _, tt := range tests {
		var syntax *SyntaxError
		if !errors.As(c.Run(tt.line).Err, &syntax) {
			t.Fatalf("%q is taken for a command", tt.line)
		}
		equal(t, tt.want, syntax.Terminal(c.Prompt()))
	}
}

func TestRefusedCommandsFail(t *testing.T) {
	f := upResponder(t)
	f.pingErr = errNoRoute
	tests := []struct{ line, want string }{
		{"clear crypto isakmp 99", "% no ISAKMP SA with connection id 99"},
		{"clear crypto sa map CMAPP", "% there is no crypto map CMAPP"},
		{"clear crypto sa entry 192.1.1.40 esp 0x1234", "% no SA to 192.1.1.40 has the SPI 0x1234"},
		{"clear crypto sa entry 192.1.1.40 esp 0", "% \"0\" is no SPI: write it as `show crypto ipsec sa` does, such as 0x1A2B3C4D or 439041101"},
		{"clear crypto sa entry 192.1.1.40 esp x", "% \"x\" is no SPI: write it as `show crypto ipsec sa` does, such as 0x1A2B3C4D or 439041101"},
		{"clear crypto sa peer hub.example.com", "% hub.example.com is no peer's name, or has no address"},
		{"clear access-list counters 150", "% there is no access list 150"},
		{"ping 10.9.9.9", "% no route to 10.9.9.9"},
		{"ping 10.9.9.9 source Loopback7", "% no address on source interface Loopback7"},
		{"show version | foo x", "% Invalid filter: one of begin, exclude, include, json, section is needed after '|'"},
		{"show version | include", `% Failed to compile regular expression ""`},
		{"show version | include (", `% Failed to compile regular expression "("`},
	}
	for _, tt := range tests {
		r := New(f).Run(tt.line)
		if r.Err == nil || r.Err.Error() != tt.want || r.Output != "" || r.JSON != nil {
			t.Errorf("%q: %q, %v; want %s", tt.line, r.Output, r.Err, tt.want)
		}
	}
	if !errors.Is(New(f).Run("ping 10.9.9.9").Err, errNoRoute) {
		t.Error("the router's error is lost")
	}
}

func TestEmptyLinesAndComments(t *testing.T) {
	for _, line := range []string{"", "   ", "! show version"} {
		equal(t, Result{}, New(upResponder(t)).Run(line))
	}
}

func TestDebugSwitches(t *testing.T) {
	f := hubRouter(t)
	steps := []struct {
		line, want string
		on         Debug
	}{
		{"debug crypto isakmp", "Crypto ISAKMP debugging is on\n", Debug{ISAKMP: true}},
		{"debug crypto ipsec", "Crypto IPSEC debugging is on\n", Debug{ISAKMP: true, IPsec: true}},
		{"show debug", "Cryptographic Subsystem:\n  Crypto ISAKMP debugging is on\n  Crypto IPSEC debugging is on\n\n", Debug{ISAKMP: true, IPsec: true}},
		{"undebug crypto isakmp", "Crypto ISAKMP debugging is off\n", Debug{IPsec: true}},
		{"no debug crypto ipsec", "Crypto IPSEC debugging is off\n", Debug{}},
		{"show debug", "", Debug{}},
		{"debug crypto isakmp", "Crypto ISAKMP debugging is on\n", Debug{ISAKMP: true}},
		{"undebug all", "All possible debugging has been turned off\n", Debug{}},
		{"debug crypto isakmp", "Crypto ISAKMP debugging is on\n", Debug{ISAKMP: true}},
		{"no debug all", "All possible debugging has been turned off\n", Debug{}},
		{"debug crypto engine", "Crypto Engine debugging is on\n", Debug{Engine: true}},
		{"show debug", "Cryptographic Subsystem:\n  Crypto Engine debugging is on\n\n", Debug{Engine: true}},
		{"undebug crypto engine", "Crypto Engine debugging is off\n", Debug{}},
		{"debug crypto engine", "Crypto Engine debugging is on\n", Debug{Engine: true}},
		{"no debug crypto engine", "Crypto Engine debugging is off\n", Debug{}},
	}
	for _, s := range steps {
		equal(t, s.want, run(t, f, s.line).Output)
		equal(t, s.on, f.debug)
	}
	equal(t, DebugState{IPsec: true}, run(t, f, "debug crypto ipsec").JSON.(DebugChange).Debug)
}

func TestPing(t *testing.T) {
	reply := func(d time.Duration) PingProbe { return PingProbe{PingReply, d} }
	ms := time.Millisecond
	tests := []struct {
		line   string
		probes []PingProbe
		want   string
	}{
		{"ping 192.168.3.1 source 192.168.2.1", []PingProbe{{}, reply(ms), reply(2 * ms), reply(3 * ms), reply(2 * ms)},
			`Type escape sequence to abort.
Sending 5, 100-byte ICMP Echos to 192.168.3.1, timeout is 2 seconds:
Packet sent with a source address of 192.168.2.1 
.!!!!
Success rate is 80 percent (4/5), round-trip min/avg/max = 1/2/3 ms
`},
		{"ping 192.168.3.1", []PingProbe{reply(ms / 10), reply(ms / 10), reply(ms / 10), reply(ms / 10), reply(ms / 10)},
			`Type escape sequence to abort.
Sending 5, 100-byte ICMP Echos to 192.168.3.1, timeout is 2 seconds:
!!!!!
Success rate is 100 percent (5/5), round-trip min/avg/max = 1/1/1 ms
`},
		{"ping 192.168.3.1 source Lo0", []PingProbe{{Outcome: PingUnreachable}, {}, {Outcome: PingUnreachable}, {}, {}},
			`Type escape sequence to abort.
Sending 5, 100-byte ICMP Echos to 192.168.3.1, timeout is 2 seconds:
Packet sent with a source address of 192.168.2.1 
U.U..
Success rate is 0 percent (0/5)
`},
	}
	for _, tt := range tests {
		f := hubRouter(t)
		f.probes = tt.probes
		equal(t, tt.want, run(t, f, tt.line).Output)
		if r := f.pings[0]; r.Count != 5 || r.Size != 100 || r.Timeout != 2*time.Second || r.Target != netip.MustParseAddr("192.168.3.1") {
			t.Errorf("%s asks for %+v", tt.line, r)
		}
	}
}

// The options of ping come in any order, each once; marks come seventy in a line.
func TestPingOptions(t *testing.T) {
	want := PingRequest{Target: netip.MustParseAddr("192.168.3.1"), Source: netip.MustParseAddr("192.168.2.1"),
		Count: 72, Size: 1400, Timeout: 0}
	for _, line := range []string{"ping 192.168.3.1 repeat 72 size 1400 source 192.168.2.1 timeout 0",
		"ping 192.168.3.1 ti 0 so Lo0 re 72 si 1400", "ping 192.168.3.1 size 1400 source Lo0 timeout 0 repeat 72"} {
		f := hubRouter(t)
		f.probes = slices.Repeat([]PingProbe{{PingReply, time.Millisecond}}, 72)
		out := run(t, f, line).Output
		if f.pings[0] != want {
			t.Errorf("%s asks for %+v", line, f.pings[0])
		}
		if !strings.Contains(out, "\n"+strings.Repeat("!", 70)+"\n!!\nSuccess rate is 100 percent (72/72)") {
			t.Errorf("%s prints\n%s", line, out)
		}
	}
	for _, line := range []string{"ping 192.168.3.1 repeat 0", "ping 192.168.3.1 size 35", "ping 192.168.3.1 size 18025", "ping 192.168.3.1 repeat 3 repeat 3", "ping 192.168.3.1 timeout 3601"} {
		if r := New(hubRouter(t)).Run(line); r.Err == nil {
			t.Errorf("%s is done", line)
		}
	}
}

func TestPingJSON(t *testing.T) {
	f := hubRouter(t)
	f.probes = []PingProbe{{}, {PingReply, 1500 * time.Microsecond}, {PingReply, 500 * time.Microsecond}}
	equal(t, `console.Ping {"target":"192.168.3.1","sent":3,"received":2,"min_microseconds":500,"avg_microseconds":1000,`+
		`"max_microseconds":1500,"marks":".!!"}`, encode(t, run(t, f, "ping 192.168.3.1").JSON))
}

func TestHistoryOfOnePeerWithIOSText(t *testing.T) {
	f := policyMismatch(t)
	other := f.records[1]
	other.Remote = netip.MustParseAddrPort("192.1.1.43:500")
	f.records = append([]trace.Record{other}, f.records[1])
	iosText := string((&trace.IOS{ISAKMP: true}).Append(nil, &f.records[1]))
	want := "2005-03-01 05:06:03.000 192.1.1.42 conn-id 0 ike_transform_refused transform=1 priority=1 attribute=hash offered=2 wanted=1\n" +
		"    " + iosText
	equal(t, want, run(t, f, "show crypto isakmp history peer 192.1.1.42").Output)

	all := run(t, f, "show crypto isakmp history")
	equal(t, strings.Replace(want, ".42 conn", ".43 conn", 1)+want, all.Output)
	if view := all.JSON.(History); len(view.Events) != 2 || len(view.Peers) != 2 {
		t.Errorf("%d events of %d peers", len(view.Events), len(view.Peers))
	}
	equal(t, "No events recorded\n", run(t, f, "show crypto isakmp history peer 10.1.1.1").Output)
}

func TestHistoryJSONIsTheTracesOwn(t *testing.T) {
	f := policyMismatch(t)
	b, err := json.Marshal(run(t, f, "show crypto isakmp history").JSON)
	if err != nil {
		t.Fatal(err)
	}
	var view struct{ Events []json.RawMessage }
	if err := json.Unmarshal(b, &view); err != nil || len(view.Events) != len(f.records) {
		t.Fatalf("%v: %s", err, b)
	}
	events := view.Events
	for i := range f.records {
		equal(t, string(trace.AppendJSON(nil, &f.records[i])), string(events[i])+"\n")
	}
}

func TestPeersCannotWriteToTheTerminal(t *testing.T) {
	f := hubRouter(t)
	f.records = []trace.Record{record(0, 0, trace.NewSA, &trace.ProfileMatched{Name: "a\x1b[2J\r\u009b31m\u202eb"})}
	for _, r := range run(t, f, "show crypto isakmp history").Output {
		if r != '\n' && (r < ' ' || r >= 0x7f) {
			t.Errorf("%U reaches the terminal", r)
		}
	}
}

func TestRunningConfigAndVersion(t *testing.T) {
	f := hubRouter(t)
	r := run(t, f, "show running-config")
	equal(t, f.cfg.RunningConfig(), r.Output)
	equal(t, any(RunningConfig{"hub", r.Output}), r.JSON)
	equal(t, `qmidle Software, Version 0.1.0, IKEv1 IPsec gateway
Compiled with go1.26.0 for linux/amd64 from commit 0123456

hub uptime is 5 hours, 6 minutes
System started at 00:00:00 UTC Tue Mar 1 2005
Configuration file is "/etc/qmidle/startup-config"
`, run(t, f, "show version").Output)
}

func TestUptime(t *testing.T) {
	tests := []struct {
		seconds int64
		want    string
	}{
		{0, "0 minutes"},
		{59, "0 minutes"},
		{60, "1 minute"},
		{2*3600 + 120, "2 hours, 2 minutes"},
		{7*86400 + 86400 + 3600 + 60, "1 week, 1 day, 1 hour, 1 minute"},
		{3 * 7 * 86400, "3 weeks"},
	}
	for _, tt := range tests {
		equal(t, tt.want, uptime(tt.seconds))
	}
}

func TestOnlyTwoCommandsShowKeys(t *testing.T) {
	for _, s := range situations {
		f := s.router(t)
		for _, line := range showCommands() {
			r := run(t, f, line)
			shown := strings.Contains(r.Output+encode(t, r.JSON), "cisco123")
			has := (line == "show running-config" || line == "show crypto isakmp key") && s.name != "nothing-configured"
			if shown != has {
				t.Errorf("%s: %s shows the key: %v", s.name, line, shown)
			}
		}
	}
}

func TestFilters(t *testing.T) {
	f := hubRouter(t)
	tests := []struct{ line, want string }{
		{"show crypto isakmp policy | include hash", strings.Repeat("        hash algorithm:         Secure Hash Standard\n", 2)},
		{"sh run | i ^hostname|^end", "hostname hub\nend\n"},
		{"show running-config|begin ^access-list", "access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255\n!\nend\n"},
		{"show crypto isakmp sa | exclude src", "\n"},
		{"show running-config | section ^interface Loop", "interface Loopback0\n ip address 192.168.2.1 255.255.255.0\n"},
	}
	for _, tt := range tests {
		equal(t, tt.want, run(t, f, tt.line).Output)
	}
}

func TestHelpAndCompletion(t *testing.T) {
	c := New(hubRouter(t))
	choices, err := c.Help("show crypto isakmp ")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, choice := range choices {
		words = append(words, choice.Text)
	}
	equal(t, []string{"history", "key", "ladder", "peers", "policy", "profile", "sa", "statistics"}, words)
	if _, err := c.Help("show foo bar "); err == nil {
		t.Error("help for a command that is none")
	}
	word, ok := c.Complete("sh cry isa st")
	if word != "statistics" || !ok {
		t.Errorf("st is completed to %q, %v", word, ok)
	}
	if word, ok := c.Complete("sh cry i"); ok {
		t.Errorf("i is completed to %q", word)
	}
}

// Every command of the grammar has its row in the documentation, and no other.
func TestDocumentationListsTheCommands(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	var forms []string
	for _, c := range Commands() {
		forms = append(forms, c.Form)
	}
	slices.Sort(documented)
	slices.Sort(forms)
	equal(t, forms, documented)
}

// Every member of every view is named in the documentation, in snake case.
func TestDocumentationListsTheMembers(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	snake := regexp.MustCompile("^[a-z][a-z0-9_]*$")
	for _, view := range []View{ISAKMPSAs{}, ISAKMPPolicies{}, IPsecSAs{}, Sessions{}, CryptoMaps{}, RunningConfig{},
		Version{}, Statistics{}, History{}, Ladders{}, DebugState{}, DebugChange{}, Cleared{}, Ping{}, ISAKMPCount{}, ISAKMPPeers{},
		ISAKMPProfiles{}, ISAKMPKeys{}, TransformSets{}, IPsecLifetime{}, EngineBrief{}, EngineConnections{}, AccessLists{}, Interfaces{},
		Routes{}, Logging{}, Hosts{}, DebugConditions{}, LineHistory{}, TerminalSettings{}, ModeChange{}, ConfigChange{}, Written{},
		Certificates{}, Trustpoints{}, PKITimers{}, CRLs{}, PublicKeys{}, Message{}} {
		for _, member := range members(reflect.TypeOf(view)) {
			if !snake.MatchString(member) || !strings.Contains(string(text), "`"+member+"`") {
				t.Errorf("%T: member %q is not documented", view, member)
			}
		}
	}
}

// members are the JSON names of this package's struct and of those within it.
func members(typ reflect.Type) []string {
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ.PkgPath() != reflect.TypeFor[Console]().PkgPath() {
		return nil
	}
	var names []string
	for i := range typ.NumField() {
		if field := typ.Field(i); field.IsExported() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(append(names, name), members(field.Type)...)
		}
	}
	return names
}

// Every word of the grammar has its help, and every end of a line its action.
func TestGrammarIsWhole(t *testing.T) {
	var walk func(path string, nodes []*node)
	walk = func(path string, nodes []*node) {
		for _, n := range nodes {
			if n.Help == "" {
				t.Errorf("%s %s has no help", path, n.Text)
			}
			if n.Do == nil && len(n.Next) == 0 {
				t.Errorf("%s %s leads nowhere", path, n.Text)
			}
			if n.Kind == config.Keyword && strings.ToLower(n.Text) != n.Text {
				t.Errorf("%s %s is not in lower case", path, n.Text)
			}
			walk(path+" "+n.Text, n.Next)
		}
	}
	walk("", commands)
}
