//go:build interop

package interop

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"qmidle/test/tshark"
)

// explainFile is what `qmidle explain` says of a file, as JSON and as text.
func explainFile(t *testing.T, file string, options ...string) (e explained, text string) {
	t.Helper()
	path, err := qmidlePath()
	if err != nil {
		t.Fatal(err)
	}
	run := func(more ...string) []byte {
		c := exec.Command(path, append(append([]string{"explain", file}, options...), more...)...)
		c.Env = append(c.Environ(), raceOptions)
		out, err := c.Output()
		if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() > 2) { // faults are seen, or no IKE
			t.Fatalf("explain: %v\n%s", err, out)
		}
		return out
	}
	if err := json.Unmarshal(run("--json"), &e); err != nil {
		t.Fatal(err)
	}
	return e, string(run())
}

// exchanges are the words of evidence, and tshark's numbers for them.
var exchanges = map[string]string{"main mode": "2", "aggressive mode": "4", "quick mode": "32"}

// compareWithTshark holds what was read of a capture against what Wireshark's
// dissectors read: how many packets are IKE, ESP or AH, of which exchange the
// packets are that the evidence quotes, and every field of the messages in clear.
func compareWithTshark(t *testing.T, file string, e explained) {
	t.Helper()
	out, err := exec.Command("tshark", "-n", "-r", file, "-Y", "(isakmp || esp || ah) && !icmp",
		"-T", "fields", "-e", "frame.number", "-e", "isakmp.exchangetype").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	r, err := tshark.Compare(file, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Differences {
		t.Errorf("the codec and tshark differ: %s", d)
	}
	of := make(map[int]string)
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		number, exchange, _ := strings.Cut(line, "\t")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		of[n] = exchange
	}
	if len(e.Sources) != 1 || e.Sources[0].Understood != len(of) {
		t.Errorf("of the capture %v are understood, and tshark knows %d packets", e.Sources, len(of))
	}
	for _, f := range e.Findings {
		for _, seen := range f.Evidence {
			for words, want := range exchanges {
				if strings.Contains(seen.Text, words+", message") && of[seen.Line] != want {
					t.Errorf("packet %d is %q here, and exchange %q for tshark", seen.Line, seen.Text, of[seen.Line])
				}
			}
		}
	}
}
