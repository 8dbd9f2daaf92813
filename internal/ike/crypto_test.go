package ike

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// engineText renders events as `debug crypto engine` prints them.
func engineText(e *events) string {
	r := trace.IOS{Engine: true}
	var out []byte
	for i := range e.list {
		out = r.Append(out, &e.list[i])
	}
	return string(out)
}

func withoutSystemMessages(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "%") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// The published example is the initiator's `debug crypto engine` output of IOS
// 12.3(14)T: no line more and none less, but for the one that says that ISAKMP
// is on, which is the router's.
func TestInitiatorPrintsThePublishedEngine(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "trace", "testdata", "example-19-7.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(b), "\n")
	p := newPair(t, nil)
	p.spoke.engine.serials.conn.Store(13)
	p.connect()
	p.checkUp()
	if diff := cmp.Diff(want, engineText(p.spoke.events)); diff != "" {
		t.Errorf("lines differ (-book +ours):\n%s", diff)
	}
	// No source shows a responder: the same work in its order.
	golden(t, "engine-responder.golden", engineText(p.hub.events))
}

func TestEngineIsSilentWithoutAPolicy(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.Policies[0].Hash = isakmp.HashMD5 })
	p.connect()
	p.advance(5 * timesTries(&p.spoke.engine.cfg) * p.spoke.engine.cfg.interval())
	for _, s := range []*side{p.hub, p.spoke} {
		for line := range strings.Lines(engineText(s.events)) {
			// The initiator draws no key before it has an answer.
			t.Errorf("%s: %s", s.name, line)
		}
	}
}

// With another key the HASH of the peer is the last piece of work at both ends,
// however often messages 4 and 5 come again.
func TestEngineStopsAtTheHashOfAnotherKey(t *testing.T) {
	p := newPair(t, func(_, spoke *Config) { spoke.Keys = keys{hubAddr: "another"} })
	p.connect()
	p.advance(2 * timesTries(&p.spoke.engine.cfg) * p.spoke.engine.cfg.interval())
	for _, s := range []*side{p.hub, p.spoke} {
		text := withoutSystemMessages(engineText(s.events))
		const hmac = "CryptoEngine0: generate hmac context for conn id 1"
		if lastLine(text) != hmac || strings.Count(text, hmac) != 1 {
			t.Errorf("%s prints\n%s", s.name, text)
		}
		if n := s.engine.Holdings().KeyPairs; n != 0 {
			t.Errorf("%s keeps %d key pairs", s.name, n)
		}
	}
}

// Without a common transform no flow is allocated, and a system message says why.
func TestEngineAllocatesNoFlowWithoutATransform(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.Connections[0].TransformSets[0].Auth = isakmp.AuthAlgHMACMD5 })
	p.connect()
	for _, s := range []*side{p.hub, p.spoke} {
		text := engineText(s.events)
		if strings.Contains(text, "ipsec allocate flow") || !strings.Contains(text, "%CRYPTO-6-IKMP_MODE_FAILURE: Processing of Quick mode failed with peer at") {
			t.Errorf("%s prints\n%s", s.name, text)
		}
	}
}

func TestEngineWithPFS(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		hub.Connections[0].PFS, spoke.Connections[0].PFS = isakmp.GroupMODP768, isakmp.GroupMODP768
	})
	p.connect()
	p.checkUp()
	golden(t, "engine-pfs-initiator.golden", engineText(p.spoke.events))
	golden(t, "engine-pfs-responder.golden", engineText(p.hub.events))
	p.advance(purgeDelay)
	for _, s := range []*side{p.hub, p.spoke} {
		if n := s.engine.Holdings().KeyPairs; n != 0 {
			t.Errorf("%s keeps %d key pairs", s.name, n)
		}
	}
}

func TestDHNumbersAreTheLowestFree(t *testing.T) {
	var d dhNumbers
	a, b, c := d.take(), d.take(), d.take()
	d.free(b)
	d.free(0)
	if again, next := d.take(), d.take(); a != 1 || b != 2 || c != 3 || again != 2 || next != 4 || d.count() != 4 {
		t.Errorf("%d %d %d, then %d %d", a, b, c, again, next)
	}
}
