package diagnose

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const document = "../../docs/diagnosis.md"

// The document lists every label with its meaning, and the rules that yield it.
func TestDocumentListsEveryCause(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range meanings {
		if row := fmt.Sprintf("| `%s` | %s |", m.Cause, m.Meaning); !strings.Contains(string(text), row) {
			t.Errorf("no row %q", row)
		}
	}
}

// Every cause that a rule names has a meaning, so that the list is closed.
func TestRulesNameKnownCauses(t *testing.T) {
	known := make(map[Cause]bool)
	for _, m := range meanings {
		if known[m.Cause] {
			t.Errorf("%s has two meanings", m.Cause)
		}
		known[m.Cause] = true
	}
	names := make(map[string]bool)
	for _, r := range rules {
		if !known[r.cause] {
			t.Errorf("rule %s names %q", r.name, r.cause)
		}
		if names[r.name] || len(r.needs) == 0 || r.atMost == 0 {
			t.Errorf("rule %s has a namesake, needs nothing, or has no certainty", r.name)
		}
		names[r.name] = true
	}
}
