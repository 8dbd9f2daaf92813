package lab

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// seer notes what a Watcher sees.
type seer struct {
	blind
	started, installed, removed, events, answered, steps int
	esp, clear, inner                                    int
}

func (s *seer) Started(string)                   { s.started++ }
func (s *seer) Record(string, *trace.Record)     { s.events++ }
func (s *seer) Installed(string, ipsec.SAParams) { s.installed++ }
func (s *seer) Removed(string, ike.RemovedSA)    { s.removed++ }
func (s *seer) Answered(string, int)             { s.answered++ }
func (s *seer) Stepped()                         { s.steps++ }

func (s *seer) Sent(_, _ string, p []byte) {
	switch packet(p).protocol() {
	case protoESP:
		s.esp++
	case protoICMP:
		s.clear++
	}
}

func (s *seer) Arrived(_ string, p []byte, clear bool) {
	if !clear && packet(p).protocol() == protoICMP {
		s.inner++
	}
}

func TestAWorldIsSeenAndDriven(t *testing.T) {
	a, b := sites("192.1.1.1", "192.1.1.2", "10.0.1", "10.0.2", ""), sites("192.1.1.2", "192.1.1.1", "10.0.2", "10.0.1", "")
	s := &seer{}
	var out bytes.Buffer
	w, err := NewWorld([]Gateway{{Name: "r1", Config: a}, {Name: "r2", Config: b}}, Options{Seed: 1}, s, &out)
	if err != nil {
		t.Fatal(err)
	}
	source, target := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.2.1")
	w.Ping("r1", source, target, 1, 1, 100)
	if w.Queued("r1") != 1 || !w.Owns("r1", source) || w.Owns("r1", target) {
		t.Errorf("%d packets wait", w.Queued("r1"))
	}
	began, done := w.Now(), 0
	w.After(time.Second, func() { done++ })
	w.Run(began.Add(3*time.Second), func() bool { return done > 0 })
	if got := w.Now().Sub(began); got != time.Second {
		t.Errorf("done after %v, want a second", got)
	}
	if s.started != 2 || s.installed != 4 || s.esp != 2 || s.inner != 2 || s.clear != 0 || s.answered < 9 || s.events < 100 || s.steps < 10 {
		t.Errorf("seen: %+v", *s)
	}
	if err := w.Check(); err != nil || len(w.Refused()) != 0 || w.Queued("r1") != 0 || len(w.Router("r1").IPsecSAs()) != 1 {
		t.Errorf("%v, %v", err, w.Refused())
	}
	if err := w.Do("r1# clear crypto sa"); err != nil || s.removed != 4 {
		t.Errorf("%d removed, error %v", s.removed, err)
	}
	if err := w.Do("restart r1"); err != nil || s.started != 3 {
		t.Errorf("%d started, error %v", s.started, err)
	}
	w.Say("seen by %d", 1)
	for _, want := range []string{"r1#clear crypto sa\n", "! restart r1\n", "! seen by 1\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the transcript has no %q", want)
		}
	}
}

// A line that the lab or a console does not understand is an error.
func TestAWorldRefusesWhatItDoesNotUnderstand(t *testing.T) {
	w, err := NewWorld([]Gateway{{Name: "r1", Config: iface("Ethernet0/0", "10.0.1.1")}}, Options{Seed: 1}, blind{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"nonsense", "r2# show version", "r1# clear crypto nonsense", "noise 300"} {
		if err := w.Do(line); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
	if err := w.Do("r1# show version"); err != nil {
		t.Errorf("show version: %v", err)
	}
	if _, err := NewWorld([]Gateway{{Name: "r1", Config: "crypto isakmp policy 0\n"}}, Options{}, blind{}, &bytes.Buffer{}); err == nil {
		t.Error("a wrong configuration is no error")
	}
}
