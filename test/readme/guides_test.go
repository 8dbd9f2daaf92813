package readme

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const guides = "../../docs/getting-started"

// blocks are the fenced blocks of a language in a Markdown text.
func blocks(text, language string) (all []string) {
	inside := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```"+language+"\n"
			if inside {
				all = append(all, "")
			}
		case inside:
			all[len(all)-1] += line
		}
	}
	return all
}

func guide(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guides, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConfigurationsOfTheGuidesCanBeUsed(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "qmidle")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/qmidle").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]int{"cisco-ios.md": 2, "strongswan.md": 1, "libreswan.md": 1, "pfsense-opnsense.md": 1} {
		list := blocks(guide(t, name), "ios")
		if len(list) != want {
			t.Errorf("%s has %d configurations, want %d", name, len(list), want)
		}
		for i, text := range list {
			file := filepath.Join(dir, fmt.Sprintf("%s.%d.cfg", name, i))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(program, "check", file).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "can be used: 1 crypto map entry in use, 0 warnings") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	}
}

func TestCiscoGuideHasTheExamplesLines(t *testing.T) {
	list := blocks(guide(t, "cisco-ios.md"), "ios")
	for i, name := range []string{"gateway.cfg", "cisco.cfg"} {
		example, err := os.ReadFile("../../examples/first-tunnel/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list[i]) {
			if !strings.Contains("\n"+string(example), "\n"+line) {
				t.Errorf("%s has no line %q, which the guide shows", name, line)
			}
		}
	}
}
