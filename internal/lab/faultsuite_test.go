package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/diagnose"
	"qmidle/test/leak"
)

// The two ends of the fault suite, before a fault is put into them.
const (
	suiteHub = `version 15.2
hostname hub
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key lab-key-of-two address 192.1.1.42
crypto ipsec transform-set SET esp-aes 256 esp-sha256-hmac
crypto map SITES 10 ipsec-isakmp
 set peer 192.1.1.42
 set transform-set SET
 match address 101
interface GigabitEthernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map SITES
interface GigabitEthernet0/1
 ip address 192.168.2.1 255.255.255.0
ip route 192.168.3.0 255.255.255.0 192.1.1.42
access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
`
	suiteSpoke = `version 15.2
hostname spoke
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key lab-key-of-two address 192.1.1.40
crypto ipsec transform-set SET esp-aes 256 esp-sha256-hmac
crypto map SITES 10 ipsec-isakmp
 set peer 192.1.1.40
 set transform-set SET
 match address 101
interface GigabitEthernet0/0
 ip address 192.1.1.42 255.255.255.0
 crypto map SITES
interface GigabitEthernet0/1
 ip address 192.168.3.1 255.255.255.0
ip route 192.168.2.0 255.255.255.0 192.1.1.40
access-list 101 permit ip 192.168.3.0 0.0.0.255 192.168.2.0 0.0.0.255
`
	callHub = "spoke# ping 192.168.2.1 source 192.168.3.1\n"
)

// noAddr stands for every peer.
var noAddr netip.Addr

// fault is one thing that goes wrong between spoke, which calls, and hub.
type fault struct {
	family, name string
	hub, spoke   []string // pairs of a text and what stands in its place
	hubPEM       []string // files of testdata/pki that the hub has
	spokePEM     []string
	// script runs after both are up; "" is a ping from the spoke and 15 s.
	script string
	before func(*lab)             // ahead of the script
	inject func(*testing.T, *lab) // after it
	seed   uint64                 // 1 for 0
	// truth is the cause; others would be right too. Nothing is wrong where it is
	// "".
	truth  diagnose.Cause
	others []diagnose.Cause
	// What each end can know alone, and both together: named, that the cause
	// comes first; among, that it is one of those that the first finding leaves;
	// unseen, that this end sees nothing amiss; "" that this end has no part in
	// it. A cause says that it is the one of two faults that comes first.
	initiator, responder, both view
}

// view is what can be known from some end.
type view string

const (
	named  view = "named"
	among  view = "among"
	unseen view = "unseen"
)

// played is a fault that has happened, as both ends saw it.
type played struct {
	fault                      *fault
	initiator, responder, both diagnose.Report
}

func (f *fault) play(t *testing.T) *played {
	t.Helper()
	l := f.run(t, blind{})
	at := func(name string) []diagnose.Observation {
		h := l.host(name)
		return console.Observe(gateway{h.router, h}, noAddr)
	}
	hub, spoke := at("hub"), at("spoke")
	return &played{f, diagnose.Judge(spoke), diagnose.Judge(hub), diagnose.Both(spoke, hub)}
}

// run lets the fault happen before somebody's eyes.
func (f *fault) run(t *testing.T, w Watcher) *lab {
	t.Helper()
	var out bytes.Buffer
	l, err := newWatchedLab([]gatewayConfig{f.gateway(t, "hub", suiteHub, f.hub, f.hubPEM), f.gateway(t, "spoke", suiteSpoke, f.spoke, f.spokePEM)}, Options{Seed: max(f.seed, 1), Version: testVersion}, w, &out)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := w.(*watcher); ok {
		c.watch(l)
	}
	if f.before != nil {
		f.before(l)
	}
	script := f.script
	if script == "" {
		script = callHub + "tick 15s\n"
	}
	if err := l.script(f.name, script); err != nil {
		t.Fatal(err)
	}
	if f.inject != nil {
		f.inject(t, l)
	}
	return l
}

// suiteKeys are the keys that the configurations of the suite have, and what a key
// is changed to where the ends are to differ.
var suiteKeys = []string{"lab-group-key", "lab-user-password", "lab-radius-key", "lab-key-of-two", "Lab-key-of-two", "another-key", "old-key"}

// keepsKeys fails if a report has a key.
func (p *played) keepsKeys(t *testing.T) {
	t.Helper()
	for _, r := range []diagnose.Report{p.initiator, p.responder, p.both} {
		raw, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range leak.Find(r.Text()+string(raw), suiteKeys) {
			t.Errorf("%s: %s", p.fault.name, found)
		}
	}
}

func (f *fault) gateway(t *testing.T, name, text string, edits, pems []string) gatewayConfig {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("%s has no %q", name, edits[i])
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	cfg, ds := config.Load(name+".cfg", []byte(text))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	c := gatewayConfig{name: name, cfg: cfg}
	for _, file := range pems {
		if err := c.give(readPEM(t, file)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// right says whether a cause is the truth.
func (f *fault) right(c diagnose.Cause) bool { return c == f.truth || slices.Contains(f.others, c) }

// quiet leaves out what is no fault.
func quiet(r diagnose.Report) []diagnose.Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f diagnose.Finding) bool { return f.Cause == diagnose.NoInterestingTraffic })
}

// verdict says what is wrong with what one end says; "" for nothing.
func (f *fault) verdict(v view, r diagnose.Report) string {
	for _, x := range r.Findings {
		if x.Certainty == diagnose.Certain && !f.right(x.Cause) {
			return fmt.Sprintf("it is certain of %s", x.Cause)
		}
	}
	all := r.Findings
	if f.truth != diagnose.NoInterestingTraffic {
		if all = quiet(r); v == among && len(all) == 0 {
			all = r.Findings
		}
	}
	switch {
	case v == "":
		return ""
	case v == unseen && len(all) > 0:
		return fmt.Sprintf("it names %s", all[0].Cause)
	case v == unseen:
		return ""
	case len(all) == 0:
		return "it sees nothing amiss"
	case v == named && !f.right(all[0].Cause):
		return fmt.Sprintf("it names %s first", all[0].Cause)
	case v == among && !f.right(all[0].Cause) && !slices.ContainsFunc(all[0].Alternatives, f.right):
		return fmt.Sprintf("it names %s and leaves %s", all[0].Cause, all[0].Alternatives)
	case v != named && v != among && all[0].Cause != diagnose.Cause(v):
		return fmt.Sprintf("it names %s first", all[0].Cause)
	}
	return ""
}

// TestFaults injects every fault, and asks the initiator alone, the responder
// alone, and both.
func TestFaults(t *testing.T) {
	if n := len(faultSuite); n < 50 {
		t.Errorf("only %d faults", n)
	}
	for i := range faultSuite {
		f := &faultSuite[i]
		t.Run(f.family+"/"+f.name, func(t *testing.T) {
			p := f.play(t)
			p.keepsKeys(t)
			for _, x := range []struct {
				who  string
				want view
				got  diagnose.Report
			}{{"the initiator", f.initiator, p.initiator}, {"the responder", f.responder, p.responder}, {"both", f.both, p.both}} {
				if why := f.verdict(x.want, x.got); why != "" {
					t.Errorf("%s, want %q: %s\n%s", x.who, x.want, why, x.got.Text())
				}
			}
		})
	}
}
