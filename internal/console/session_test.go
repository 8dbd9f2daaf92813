package console

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"qmidle/internal/config"
)

// liveRouter can do what a Router may do besides.
type liveRouter struct {
	*fakeRouter
	condition DebugCondition
	applied   []*config.Config
	notices   []string
	written   []string
	refuse    error
	down      string // an interface without link
}

func (l *liveRouter) DebugCondition() *DebugCondition { return &l.condition }
func (l *liveRouter) LinkUp(name string) bool         { return name != l.down }
func (l *liveRouter) Apply(cfg *config.Config) ([]string, error) {
	if l.refuse != nil {
		return nil, l.refuse
	}
	l.applied = append(l.applied, cfg)
	l.cfg = cfg
	return l.notices, nil
}
func (l *liveRouter) WriteMemory(text string) error {
	if l.refuse != nil {
		return l.refuse
	}
	l.written = append(l.written, text)
	return nil
}

func live(t *testing.T) *liveRouter { return &liveRouter{fakeRouter: hubRouter(t)} }

// transcript types lines and returns what a terminal would show of them.
func transcript(s *Session, script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		prompt := s.Prompt()
		b.WriteString(prompt + line + "\n")
		if line == "^Z" {
			line = ""
			r := s.End()
			b.WriteString(r.Output + ErrorText(prompt, r.Err))
			continue
		}
		if partial, ok := strings.CutSuffix(line, "?"); ok {
			b.WriteString(s.HelpText(partial))
			continue
		}
		r := s.Feed(line)
		b.WriteString(r.Output + ErrorText(prompt, r.Err))
	}
	return b.String() + s.Prompt() + "\n"
}

var scripts = []struct {
	name, script string
	router       func(*testing.T) *liveRouter
}{
	{"modes", `configure terminal
crypto isakmp policy 10
encr aes 256
exit
crypto ipsec transform-set NEW esp-aes esp-sha-hmac
mode tunnel
crypto map CMAP 20 ipsec-isakmp
interface FastEthernet0/1
ip address 198.51.100.1 255.255.255.0
ip access-list extended BRANCH
permit ip any host 10.1.1.1
exit
hostname branch
exit
`, live},
	{"new-peer", `conf t
crypto isakmp key s3cret address 192.1.1.43
crypto map CMAP 20 ipsec-isakmp
 set peer 192.1.1.43
 set transform-set TSET
 match address 102
access-list 102 permit ip 192.168.2.0 0.0.0.255 192.168.4.0 0.0.0.255
do show running-config | include 192.1.1.43
end
write memory
`, func(t *testing.T) *liveRouter {
		l := live(t)
		l.notices = []string{"crypto map CMAP 20 is new: it negotiates with the first packet"}
		return l
	}},
	{"errors", `configure terminal
crypto isakmp policy 0
crypto isakmp
crypto isakmp k
  cryptoo map X
crypto isakmp policy 10
hash sha3
hash md5
no crypto isakmp key nothing address 192.1.1.99
crypto map CMAP 30 ipsec-isakmp
match address 199
set transform-set NONE
end
^Z
do show version
do shw
abort
show running-config | include 30
`, live},
	{"refused", `configure terminal
hostname other
end
abort
write
`, func(t *testing.T) *liveRouter {
		l := live(t)
		l.refuse = errors.New("the data plane is gone")
		return l
	}},
	{"nothing-to-do", `configure terminal
crypto isakmp policy 1
encr aes
do exit
exi
ex
^Z
`, live},
	{"help", `?
sh?
show crypto isakmp ?
show crypto isakmp sa ?
show crypto isakmp sa | ?
show crypto isakmp sa | i?
show crypto isakmp sa | include ?
show foo ?
show crypto i ?
configure terminal
e?
crypto isakmp policy ?
crypto isakmp policy 10
group ?
no ?
do show crypto isakmp ?
do clear?
`, live},
	{"history", `show version | include uptime
show version | include uptime
! a comment

sh debug
show history
terminal history size 2
show history
`, live},
}

func TestSessions(t *testing.T) {
	for _, tt := range scripts {
		t.Run(tt.name, func(t *testing.T) {
			golden(t, "session-"+tt.name+".txt", []byte(transcript(NewSession(tt.router(t)), tt.script)))
		})
	}
}

func TestLinesTakeEffectTogether(t *testing.T) {
	l := live(t)
	before := l.cfg.RunningConfig()
	s := NewSession(l)
	transcript(s, "configure terminal\ncrypto isakmp policy 10\nencr 3des\nhash md5\n")
	if len(l.applied) != 0 || l.cfg.RunningConfig() != before {
		t.Fatal("a line is in effect before `end`")
	}
	if r := s.Feed("end"); r.Err != nil || len(l.applied) != 1 {
		t.Fatalf("%v, applied %d times", r.Err, len(l.applied))
	}
	if got := l.cfg.ISAKMP.Policies; len(got) != 2 || got[1].Priority != 10 {
		t.Errorf("policies %+v", got)
	}
	transcript(s, "configure terminal\nhostname x\nno crypto isakmp policy 10\nabort\n")
	if len(l.applied) != 1 || l.cfg.Hostname != "hub" || len(l.cfg.ISAKMP.Policies) != 2 {
		t.Error("abort has changed the configuration")
	}
	transcript(s, "configure terminal\nend\n")
	if len(l.applied) != 1 {
		t.Error("nothing was typed, and it was applied")
	}
}

func TestTheGatewayGoesOnWhileAnEditBegins(t *testing.T) {
	p := &patientRouter{liveRouter: live(t)}
	s := NewSession(p)
	if r := s.Feed("configure terminal"); r.Err != nil || p.times != 1 {
		t.Errorf("it goes on %d times: %v", p.times, r.Err)
	}
	transcript(s, "hostname other\nend\n")
	if p.cfg.Hostname != "other" {
		t.Errorf("the edit was lost: %s", p.cfg.Hostname)
	}
}

// What the router got is its own: lines typed after a `do` do not reach it.
func TestAppliedConfigurationIsNotEditedFurther(t *testing.T) {
	l := live(t)
	s := NewSession(l)
	transcript(s, "configure terminal\nhostname a\ndo show version\nhostname b\n")
	if l.cfg.Hostname != "a" {
		t.Errorf("hostname %s", l.cfg.Hostname)
	}
	if s.Prompt() != "b(config)#" {
		t.Errorf("prompt %s", s.Prompt())
	}
	if l.cfg.CryptoMap("CMAP").Entries[0].AccessList == nil {
		t.Error("the references are not resolved")
	}
}

func TestWriteMemory(t *testing.T) {
	l := live(t)
	for _, line := range []string{"write", "wr mem", "copy run start"} {
		r := NewSession(l).Feed(line)
		if r.Err != nil || r.Output != "Building configuration...\n[OK]\n" {
			t.Errorf("%s: %q, %v", line, r.Output, r.Err)
		}
	}
	if len(l.written) != 3 || strings.Contains(l.written[0], "Building") {
		t.Fatalf("written %q", l.written)
	}
	back, diagnostics := config.Load("startup-config", []byte(l.written[0]))
	if err := diagnostics.Err(); err != nil {
		t.Fatal(err)
	}
	equal(t, l.cfg.RunningConfig(), back.RunningConfig())
}

func TestRoutersThatCannotBeConfigured(t *testing.T) {
	f := hubRouter(t)
	for _, line := range []string{"configure terminal", "write memory"} {
		r := NewSession(f).Feed(line)
		if r.Err == nil || r.Err.Error() != "% this router cannot be configured here" {
			t.Errorf("%s: %v", line, r.Err)
		}
	}
	if r := New(f).Run("debug crypto condition peer ipv4 192.1.1.42"); r.Err == nil {
		t.Error("a condition that nothing obeys is accepted")
	}
}

func TestInteractiveCommandsNeedASession(t *testing.T) {
	for _, line := range []string{"configure terminal", "terminal monitor", "terminal length 0", "exit", "logout", "show history", "enable"} {
		r := New(live(t)).Run(line)
		if r.Err == nil || r.Err.Error() != "% This command is for an interactive console" {
			t.Errorf("%s: %v", line, r.Err)
		}
	}
}

func TestTerminalSettings(t *testing.T) {
	s := NewSession(live(t))
	transcript(s, "terminal monitor\nterm len 0\nterm wid 511\nterm hist size 5\n")
	equal(t, `{"monitor":true,"length":0,"width":511,"history_size":5}`, encodePlain(t, s.Settings()))
	transcript(s, "terminal no monitor\n")
	if s.Settings().Monitor {
		t.Error("the monitor is on")
	}
	if line, ok := s.Recall(0); line != "terminal no monitor" || !ok {
		t.Errorf("recalls %q", line)
	}
	if _, ok := s.Recall(5); ok {
		t.Error("recalls a sixth line")
	}
	transcript(s, "exit\n")
	if !s.Closed() {
		t.Error("exit does not close")
	}
}

func encodePlain(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCompletionOfALine(t *testing.T) {
	tests := []struct{ mode, line, want string }{
		{"", "sh", "show "},
		{"", "show crypto isa", "show crypto isakmp "},
		{"", "show crypto i", ""},
		{"", "show version | inc", "show version | include "},
		{"", "show version | include x", ""},
		{"", "show ", ""},
		{"", "", ""},
		{"configure terminal", "crypto isa", "crypto isakmp "},
		{"configure terminal", "no crypto isa", "no crypto isakmp "},
		{"configure terminal", "ab", "abort "},
		{"configure terminal", "do sh ver", "do sh version "},
		{"configure terminal", "e", ""},
		{"configure terminal\ncrypto isakmp policy 1", "au", "authentication "},
	}
	for _, tt := range tests {
		s := NewSession(live(t))
		transcript(s, tt.mode)
		got, ok := s.Complete(tt.line)
		if ok != (tt.want != "") || ok && got != tt.want || !ok && got != tt.line {
			t.Errorf("%q is completed to %q, %v", tt.line, got, ok)
		}
	}
}

// The keys of a refused line do not come back.
func TestRefusedConfigurationShowsNoKey(t *testing.T) {
	s := NewSession(live(t))
	out := transcript(s, "configure terminal\ncrypto isakmp key cisco321 adress 192.1.1.9\n")
	if strings.Count(out, "cisco321") != 1 {
		t.Errorf("the key is shown:\n%s", out)
	}
	if r := s.Feed("crypto isakmp key cisco321 adress 192.1.1.9"); strings.Contains(r.Err.Error(), "cisco321") {
		t.Errorf("the key is in the error: %v", r.Err)
	}
}

func TestJSONFilter(t *testing.T) {
	c := New(upResponder(t))
	for _, line := range []string{"show crypto isakmp sa", "show debugging", "clear crypto sa", "show ip route"} {
		plain, filtered := c.Run(line), c.Run(line+" | json")
		if filtered.Err != nil {
			t.Fatal(filtered.Err)
		}
		var a, b any
		if err := json.Unmarshal([]byte(filtered.Output), &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := json.Unmarshal([]byte(encodePlain(t, plain.JSON)), &b); err != nil {
			t.Fatal(err)
		}
		equal(t, b, a)
	}
	if r := c.Run("show debugging | json x"); r.Err == nil {
		t.Error("json takes a pattern")
	}
}

func TestDebugCondition(t *testing.T) {
	l := live(t)
	steps := []struct {
		line  string
		peers []string
	}{
		{"debug crypto condition peer ipv4 192.1.1.42", []string{"192.1.1.42"}},
		{"debug crypto condition peer ipv4 192.1.1.42", []string{"192.1.1.42"}},
		{"debug crypto condition peer ipv4 192.1.1.43", []string{"192.1.1.42", "192.1.1.43"}},
		{"undebug crypto condition peer ipv4 192.1.1.42", []string{"192.1.1.43"}},
		{"undebug all", []string{"192.1.1.43"}},
		{"debug crypto condition reset", nil},
		{"debug crypto condition peer ipv4 192.1.1.42", []string{"192.1.1.42"}},
		{"no debug crypto condition peer ipv4 192.1.1.42", nil},
	}
	for _, step := range steps {
		if r := New(l).Run(step.line); r.Err != nil {
			t.Fatal(r.Err)
		}
		var got []string
		for _, p := range l.condition.Peers {
			got = append(got, p.String())
		}
		equal(t, step.peers, got)
	}
	peer := netip.MustParseAddr("192.1.1.42")
	if !l.condition.Shows(peer) || !l.condition.Shows(netip.Addr{}) {
		t.Error("without condition something is hidden")
	}
	l.condition.Peers = []netip.Addr{peer}
	if l.condition.Shows(netip.Addr{}) || l.condition.Shows(netip.MustParseAddr("192.1.1.43")) || !l.condition.Shows(peer) {
		t.Error("the condition is not obeyed")
	}
	equal(t, "Crypto conditional debug currently is turned ON\n\nIKE peer IP address filters:\n192.1.1.42\n",
		New(l).Run("show crypto debug-condition").Output)
}

// reloading is a router that can read its startup configuration anew.
type reloading struct {
	Router
	notices []string
	err     error
}

func (r reloading) Reload() ([]string, error) { return r.notices, r.err }

func TestReloadSaysWhatComesOfIt(t *testing.T) {
	plain := New(struct{ Router }{})
	if r := plain.Run("reload"); r.Err == nil || r.Err.Error() != "% this router has no startup configuration to read" {
		t.Errorf("without a file: %+v", r)
	}
	good := New(reloading{notices: []string{"crypto map M 10: PFS changed: its SAs are cleared"}}).Run("reload")
	if good.Err != nil || good.Output != "% crypto map M 10: PFS changed: its SAs are cleared\n" {
		t.Errorf("%+v", good)
	}
	bad := New(reloading{err: errors.New("no such file")}).Run("reload")
	if bad.Err == nil || bad.Err.Error() != "% the startup configuration was not read, and the old one runs on: no such file" {
		t.Errorf("%+v", bad)
	}
}
