//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/test/leak"
)

// faulty is a fault between our gateway, the hub, and charon at the spoke, and
// what our gateway can say of it alone.
type faulty struct {
	name         string
	ours, theirs []string // pairs of a text of a configuration and what stands in its place
	with         setup    // instead of the usual one
	theyCall     bool
	before       func(*testing.T, *rig)
	after        func(*testing.T, *rig)
	truth        []string // the causes that are right; none where nothing is wrong
	certain      bool     // that we can know it for certain
	behind       bool     // that we cannot tell it from others: it may stand behind one
	offWire      bool     // that nothing of it need show between the two
	wire         string   // a cause that is right too, seen from between the two
	within       time.Duration
	unseen       bool     // charon's own log shows nothing of it
	there        []string // other causes that are right from charon's end
}

// rig is a fault that is being tried.
type rig struct {
	*lab
	c *charon
	q *qmidle
}

// drop is a filter at charon's gateway, as one on the way would be.
func drop(match string) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		t.Helper()
		filter(t, r.spoke.ns, match)
	}
}

// filter drops what comes to a namespace and what leaves it.
func filter(t *testing.T, ns, match string) {
	t.Helper()
	nft := exec.Command("ip", "netns", "exec", ns, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(fmt.Sprintf(`table ip way {
	chain in {
		type filter hook prerouting priority raw
		%[1]s drop
	}
	chain out {
		type filter hook output priority raw
		%[1]s drop
	}
}
`, match))
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

// up brings the tunnel up first.
func up(then func(*testing.T, *rig)) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		t.Helper()
		wake(t, r.hub)
		wantPing(t, r.hub, 3)
		then(t, r)
	}
}

func charonDies(t *testing.T, r *rig) { r.c.stop(t, syscall.SIGKILL) }

func farHostSilent(t *testing.T, r *rig) { filter(t, r.spoke.hostNS, "ip protocol icmp") }

func weRestart(t *testing.T, r *rig) {
	r.q.stop(t, syscall.SIGKILL)
	r.q.run(t, edited(t, r.q.config(usual), nil))
	ping(r.spoke, 3)
}

func edited(t *testing.T, text string, edits []string) string {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("no %q in\n%s", edits[i], text)
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	return text
}

// explained is explain's answer as JSON.
type explained struct {
	Findings []struct {
		Cause, Certainty, Summary string
		Alternatives              []string
		Evidence                  []struct {
			Line int
			Text string
		}
	}
	Sources []struct{ Lines, Understood int } // of files
}

// verdict says what is wrong with an answer; "" for nothing.
func (f *faulty) verdict(e explained) string {
	for _, x := range e.Findings {
		if x.Certainty == "certain" && !slices.Contains(f.truth, x.Cause) {
			return "certain of " + x.Cause
		}
	}
	if len(f.truth) == 0 {
		if len(e.Findings) > 0 {
			return "it names " + e.Findings[0].Cause
		}
		return ""
	}
	if len(e.Findings) == 0 {
		return "it sees nothing amiss"
	}
	first := e.Findings[0]
	right := slices.Contains(f.truth, first.Cause)
	for _, other := range first.Alternatives {
		right = right || f.behind && slices.Contains(f.truth, other)
	}
	switch {
	case !right:
		return fmt.Sprintf("it names %s, or else %s", first.Cause, first.Alternatives)
	case f.certain && first.Certainty != "certain":
		return "it is " + first.Certainty
	}
	return ""
}

// TestFaultsWithCharon puts a fault between the two and asks our side.
func TestFaultsWithCharon(t *testing.T) {
	t.Parallel()
	for i := range charonFaults {
		f := &charonFaults[i]
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			f.try(t)
		})
	}
}

func (f *faulty) try(t *testing.T) {
	x := f.with
	if x.cipher.ios == "" {
		x.suite = usual.suite
	}
	r := &rig{lab: newLab(t)}
	wire := startCaptureOf(t, r.lab, "0")
	r.c = newCharon(t, r.lab, r.spoke, x.daemon)
	r.c.loadText(t, edited(t, r.c.config(x), f.theirs))
	r.q = newQmidle(t, r.lab, r.hub, qmidlePath)
	config := edited(t, r.q.config(x), f.ours)
	r.q.run(t, config)
	if f.before != nil {
		f.before(t, r)
	}
	if f.theyCall {
		r.c.trySwanctl("--initiate", "--child", "net", "--timeout", "6")
	}
	send := func() { ping(r.hub, 1) }
	if !f.theyCall {
		send()
	}
	if f.after != nil {
		f.after(t, r)
	}
	limit := f.within
	if limit == 0 {
		limit = 15 * time.Second
	}
	said := ""
	defer func() { t.Logf("explain says:\n%s", said) }()
	eventually(t, strings.Join(f.truth, " or "), limit, func() (bool, string) {
		out, err := r.q.client("explain", "--json").CombinedOutput()
		var e explained
		if err == nil {
			err = json.Unmarshal(out, &e)
		}
		if err != nil {
			t.Fatalf("explain: %v\n%s", err, out)
		}
		why := f.verdict(e)
		if strings.HasPrefix(why, "certain") {
			t.Fatalf("it is %s\n%s", why, out)
		}
		said = r.q.do(t, "explain")
		return why == "", why + "\n" + said
	})
	for _, found := range leak.Find(said, leak.Keys(config)) {
		t.Errorf("explain: %s", found)
	}
	f.fromTheirLog(t, r.c.log(t))
	r.q.stop(t, syscall.SIGTERM)
	wire.end(t)
	f.explainCapture(t, wire.file, config)
}

// explainCapture asks for the same fault, from what passed between the two.
func (f *faulty) explainCapture(t *testing.T, file, config string) {
	t.Helper()
	e, text := explainFile(t, file)
	t.Logf("explain says of the capture:\n%s", text)
	g := *f
	g.behind, g.certain = true, false
	if f.wire != "" {
		g.truth = append(slices.Clone(f.truth), f.wire)
	}
	if why := g.verdict(e); why != "" && (!f.offWire || strings.HasPrefix(why, "certain")) {
		t.Errorf("from the capture: %s", why)
	}
	for _, found := range leak.Find(text, leak.Keys(config)) {
		t.Errorf("explain: %s", found)
	}
	compareWithTshark(t, file, e)
}

// fromTheirLog explains the fault from charon's log alone. It shows less than our
// recorder, so that the cause may stand among others; what it is certain of must
// be right.
func (f *faulty) fromTheirLog(t *testing.T, log string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "charon.log")
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := qmidlePath()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(path, "explain", "--json", file).Output() // the status says whether there is a fault
	var e explained
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatalf("explain %s: %v\n%s", file, err, out)
	}
	there := *f
	there.truth = append(slices.Clone(f.truth), f.there...)
	there.certain, there.behind = false, true
	if f.unseen {
		there.truth = nil
	}
	if why := there.verdict(e); why != "" {
		t.Errorf("from charon's log: %s\n%s\n%s", why, out, log)
	}
}

func nothing(*testing.T, *rig) {}

func both(first, second func(*testing.T, *rig)) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		t.Helper()
		first(t, r)
		second(t, r)
	}
}

// keepSending sends what nobody answers: for 12 s, since the reader of captures
// calls an end silent after eight.
func keepSending(t *testing.T, r *rig) {
	t.Helper()
	e, err := startEchoes(r.hub, 120, 100*time.Millisecond, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	e.lost()
}

// charonReturns is charon that was killed, and is there again.
func charonReturns(t *testing.T, r *rig) {
	t.Helper()
	charonDies(t, r)
	r.c = startCharon(t, r.lab, r.spoke, usual)
}
