package vendors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

// TestGoldens reads the logs in the testdata of each reader. A log's first lines
// say what is to be found:
//
//	# wants: CAUSE CERTAINTY, or none
//	# peer: the address of the first finding's, or its name where no address is known
//	# also: CAUSE CERTAINTY PEER of another finding
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob("../*/testdata/*.log")
	if err != nil || len(files) == 0 {
		t.Fatal("no logs", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(filepath.Dir(file))) + "/" + strings.TrimSuffix(filepath.Base(file), ".log")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			readGolden(t, string(text))
		})
	}
}

func readGolden(t *testing.T, text string) {
	readers, err := Readers()
	if err != nil {
		t.Fatal(err)
	}
	wants := make(map[string][]string)
	for strings.HasPrefix(text, "# ") {
		line, rest, _ := strings.Cut(text, "\n")
		key, value, _ := strings.Cut(line[2:], ": ")
		wants[key] = strings.Fields(value)
		text = rest
	}
	log, err := readers.Read("log", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	report := diagnose.Judge(log.Observations)
	if wants["wants"][0] == "none" {
		if len(report.Findings) > 0 {
			t.Errorf("findings:\n%s", report.Text())
		}
		return
	}
	if len(report.Findings) == 0 {
		t.Fatalf("no finding among %d observations", len(log.Observations))
	}
	peer := strings.Join(wants["peer"], "")
	if !isFound(&report.Findings[0], wants["wants"], peer) {
		t.Errorf("want %s of %s:\n%s", wants["wants"], peer, report.Text())
	}
	if also := wants["also"]; also != nil {
		found := false
		for i := range report.Findings {
			found = found || isFound(&report.Findings[i], also, also[2])
		}
		if !found {
			t.Errorf("want also %s:\n%s", also, report.Text())
		}
	}
}

func isFound(f *diagnose.Finding, want []string, peer string) bool {
	who := f.Name
	if f.Peer.IsValid() {
		who = f.Peer.String()
	}
	return string(f.Cause) == want[0] && f.Certainty.String() == want[1] && who == peer
}
