package readme

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// example is one command of a console block, with the lines shown below it. A
// line "..." stands for any number of lines.
type example struct {
	line    int
	command string
	shown   []string
}

// examples reads the console blocks of a Markdown text.
func examples(text string) []example {
	var all []example
	inside := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case inside && strings.HasPrefix(line, "$ "):
			all = append(all, example{line: i + 1, command: line[2:]})
		case inside && len(all) > 0:
			e := &all[len(all)-1]
			e.shown = append(e.shown, line)
		}
	}
	return all
}

// missing returns the first shown line that does not stand where it should;
// ok is true when there is none.
func missing(shown, printed []string) (line string, ok bool) {
	at, anywhere := 0, false
	for _, want := range shown {
		if want == "..." {
			anywhere = true
			continue
		}
		for anywhere && at < len(printed) && printed[at] != want {
			at++
		}
		if at == len(printed) || printed[at] != want {
			return want, false
		}
		at++
		anywhere = false
	}
	if at < len(printed) && !anywhere {
		return "the end of the output, before: " + printed[at], false
	}
	return "", true
}

func TestREADMEShowsWhatItsCommandsPrint(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := examples(string(text))
	if len(list) < 3 {
		t.Fatalf("the README shows %d commands", len(list))
	}
	if out, err := runIn(root, "make build"); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	for _, e := range list {
		out, err := runIn(root, e.command)
		if err != nil && !findsFaults(e.command, err) {
			t.Errorf("README.md:%d: %s: %v\n%s", e.line, e.command, err, out)
			continue
		}
		if line, ok := missing(e.shown, strings.Split(strings.TrimSuffix(out, "\n"), "\n")); !ok {
			t.Errorf("README.md:%d: %s does not print, in its place: %s\nit prints:\n%s", e.line, e.command, line, out)
		}
	}
}

// findsFaults says whether an exit status of 1 is the command's answer: `explain`
// has found what it was asked for.
func findsFaults(command string, err error) bool {
	var exit *exec.ExitError
	return strings.HasPrefix(command, "bin/qmidle explain ") && errors.As(err, &exit) && exit.ExitCode() == 1
}

func runIn(dir, command string) (string, error) {
	c := exec.Command("sh", "-c", command)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestMissingFindsWhatDiffers(t *testing.T) {
	printed := []string{"a", "b", "c", "d"}
	for shown, ok := range map[string]bool{
		"a b c d": true, "... d": true, "a ... d": true, "a ...": true, "...": true, "a b ... d": true,
		"a c ...": false, "a b c": false, "... c": false, "b ...": false, "... d e": false,
	} {
		if _, got := missing(strings.Fields(shown), printed); got != ok {
			t.Errorf("%q: %v", shown, got)
		}
	}
}

func TestBothConfigurationsStandInTheREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway.cfg", "cisco.cfg"} {
		cfg, err := os.ReadFile("../../examples/first-tunnel/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range strings.Split(string(text), "\n") {
			cells := strings.Split(row, "`")
			if !strings.HasPrefix(row, "| `") || len(cells) < 4 {
				continue
			}
			want := cells[1]
			if name == "cisco.cfg" {
				want = cells[3]
			}
			if !strings.Contains("\n"+string(cfg), "\n"+want+"\n") {
				t.Errorf("%s has no line %q, which the README shows", name, want)
			}
		}
	}
}
