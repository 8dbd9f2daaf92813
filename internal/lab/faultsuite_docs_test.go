package lab

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

const diagnosisDoc = "../../docs/diagnosis.md"

// The document's table is what the suite yields. With -update it is written.
func TestFaultsInTheDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| | Fault | Cause | Initiator alone | Responder alone | Both | Capture at the initiator | at the responder |\n|---|---|---|---|---|---|---|---|\n")
	for i := range faultSuite {
		f := &faultSuite[i]
		p := f.play(t)
		cause := "nothing is wrong"
		if f.truth != "" {
			cause = "`" + string(f.truth) + "`"
		}
		spoke, hub := f.captured(t)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", f.family, f.name, cause,
			f.cell(f.initiator, p.initiator), f.cell(f.responder, p.responder), f.cell(f.both, p.both),
			f.cell(named, explained(t, spoke)), f.cell(named, explained(t, hub)))
	}
	old, err := os.ReadFile(diagnosisDoc)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- faults -->\n", "<!-- end of faults -->\n"
	before, rest, ok1 := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("the document has no place for the table")
	}
	text := before + begin + b.String() + "\n" + end + after
	if *update {
		if err := os.WriteFile(diagnosisDoc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != string(old) {
		t.Error("docs/diagnosis.md is not what the suite yields: run `make diagnosis` and read what changed")
	}
}

// cell is what a view yields, in a few words.
func (f *fault) cell(v view, r diagnose.Report) string {
	all := r.Findings
	if f.truth != diagnose.NoInterestingTraffic && len(quiet(r)) > 0 {
		all = quiet(r)
	}
	switch {
	case v == "":
		return ""
	case len(all) == 0 || v == unseen:
		return "unseen"
	case f.right(all[0].Cause):
		return fmt.Sprintf("**first**, %s", all[0].Certainty)
	}
	n := len(all[0].Alternatives) + 1
	if i := slices.IndexFunc(all[0].Alternatives, f.right); i >= 0 {
		return fmt.Sprintf("among %d, behind `%s`", n, all[0].Cause)
	}
	return fmt.Sprintf("`%s`", all[0].Cause)
}
