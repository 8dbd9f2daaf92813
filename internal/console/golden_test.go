package console

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// elsewhere are the show commands that do not depend on the situation, or
// whose text is another package's.
var elsewhere = []string{"show crypto isakmp history", "show logging", "show running-config", "show version"}

// showCommands are all show commands that take no argument and no session.
func showCommands() []string {
	var out []string
	for _, c := range Commands() {
		if strings.HasPrefix(c.Form, "show ") && !strings.ContainsAny(c.Form, "ABCDW") && c.Form != "show history" {
			out = append(out, c.Form)
		}
	}
	return out
}

func TestShowCommandsInEverySituation(t *testing.T) {
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			c := New(s.router(t))
			var text, values bytes.Buffer
			for _, line := range showCommands() {
				if slices.Contains(elsewhere, line) {
					continue
				}
				r := c.Run(line)
				if r.Err != nil {
					t.Fatalf("%s: %v", line, r.Err)
				}
				text.WriteString(c.Prompt() + line + "\n" + r.Output)
				encoded, err := json.MarshalIndent(r.JSON, "", "  ")
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				values.WriteString("// " + line + "\n" + string(encoded) + "\n")
			}
			golden(t, s.name+".txt", text.Bytes())
			golden(t, s.name+".json", values.Bytes())
		})
	}
}
