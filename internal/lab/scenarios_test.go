package lab

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/console"
)

var update = flag.Bool("update", false, "write the scenarios' output anew")

// testVersion is the same on every machine.
var testVersion = console.VersionInfo{Version: "test", GoVersion: "go1.26", Platform: "linux/amd64"}

// scenario is a file of testdata: configurations, options, a script and the
// output. Without a script it is the demonstration.
type scenario struct {
	head    string // all of the file before the output
	configs []gatewayConfig
	options Options
	script  string
	demo    bool
	output  string
}

// part is one file of an archive in the txtar format: what follows a line such
// as `-- hub.cfg --`.
type part struct{ name, text string }

func splitParts(archive string) []part {
	parts := []part{{}}
	for line := range strings.Lines(archive) {
		name, opened := strings.CutPrefix(line, "-- ")
		name, closed := strings.CutSuffix(name, " --\n")
		if opened && closed {
			parts = append(parts, part{name: name})
			continue
		}
		parts[len(parts)-1].text += line
	}
	return parts[1:]
}

func readScenario(t *testing.T, file string) *scenario {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "-- output --\n"
	head, output, found := strings.Cut(string(text), mark)
	if !found {
		t.Fatal("no output part")
	}
	s := &scenario{head: head + mark, output: output, options: Options{Seed: 1, Version: testVersion}, demo: true}
	for _, p := range splitParts(head) {
		switch {
		case strings.HasSuffix(p.name, ".cfg"):
			c, err := loadGateway(p.name, []byte(p.text), nil)
			if err != nil {
				t.Fatal(err)
			}
			s.configs = append(s.configs, c)
		case strings.HasSuffix(p.name, ".pem"):
			s.give(t, strings.TrimSuffix(p.name, ".pem"), p.text)
		case p.name == "options":
			s.option(t, strings.Fields(p.text))
		case p.name == "script":
			s.script, s.demo = p.text, false
		default:
			t.Fatalf("unknown part %q", p.name)
		}
	}
	return s
}

// give gives a gateway what files of testdata/pki have, a name a line.
func (s *scenario) give(t *testing.T, gateway, files string) {
	t.Helper()
	for i := range s.configs {
		if s.configs[i].name != gateway {
			continue
		}
		for _, file := range strings.Fields(files) {
			if err := s.configs[i].give(readPEM(t, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func readPEM(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "pki", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *scenario) option(t *testing.T, words []string) {
	t.Helper()
	var err error
	switch {
	case len(words) == 1 && words[0] == "--prefix":
		s.options.Prefix = true
	case len(words) == 2 && words[0] == "--seed":
		s.options.Seed, err = strconv.ParseUint(words[1], 10, 64)
	default:
		err = fmt.Errorf("unknown options %q", words)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run plays the scenario and returns its transcript. That of a demonstration
// ends with its verdict.
func (s *scenario) run(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	l, err := newLab(s.configs, s.options, &out)
	if err != nil {
		t.Fatal(err)
	}
	if s.demo {
		fmt.Fprintf(&out, "! every ping answered: %t\n", l.demonstrate())
	} else if err := l.script("script", s.script); err != nil {
		t.Fatal(err)
	}
	for _, h := range l.hosts {
		if err := h.check(); err != nil {
			t.Errorf("%s: %v", h.name, err)
		}
	}
	for _, err := range l.refused {
		t.Errorf("a data plane refused an SA: %v", err)
	}
	return out.String()
}

func scenarioFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 24 {
		t.Fatalf("only %d scenarios", len(files))
	}
	return files
}

func TestScenarios(t *testing.T) {
	for _, file := range scenarioFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := readScenario(t, file)
			got := s.run(t)
			if *update {
				if err := os.WriteFile(file, []byte(s.head+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(s.output, got); diff != "" {
				t.Errorf("the output differs (-want +got):\n%s", diff)
			}
		})
	}
}

var numbered = regexp.MustCompile(`0[xX][0-9A-Fa-f]+|\b[0-9A-Fa-f]{8}\b|\d{5,}| +`)

// placed are a transcript's numbers as places in the order of their first appearance,
// so that two are alike whose SPIs and entries' numbers alone differ.
func placed(transcript string) string {
	places := make(map[string]string)
	return numbered.ReplaceAllStringFunc(transcript, func(number string) string {
		if number[0] == ' ' {
			return " "
		}
		if places[number] == "" {
			places[number] = fmt.Sprintf("#%d", len(places))
		}
		return places[number]
	})
}

// Nobody can see how many engines a gateway has.
func TestEnginesAreAsOne(t *testing.T) {
	for _, file := range scenarioFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := readScenario(t, file)
			s.options.Engines = 3
			if diff := cmp.Diff(placed(s.output), placed(s.run(t))); diff != "" {
				t.Errorf("the output differs (-one +three):\n%s", diff)
			}
		})
	}
}

// Everything random comes from the seed, and nothing else decides an order.
func TestSameSeedSameBytes(t *testing.T) {
	for _, file := range scenarioFiles(t) {
		first, second := readScenario(t, file).run(t), readScenario(t, file).run(t)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%s differs from run to run:\n%s", file, diff)
		}
	}
}

func TestAnotherSeedAnotherRun(t *testing.T) {
	s := readScenario(t, filepath.Join("testdata", "tunnel-from-spoke.txt"))
	first := s.run(t)
	s.options.Seed = 2
	if s.run(t) == first {
		t.Error("the seed changes nothing")
	}
}
