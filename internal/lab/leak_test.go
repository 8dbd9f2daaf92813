package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/console"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
	"qmidle/test/leak"
)

// listener takes everything that gateways tell, in every form, and the keys
// that they have agreed.
type listener struct {
	blind
	told bytes.Buffer
	keys [][]byte
}

func (w *listener) Record(_ string, r *trace.Record) {
	all := trace.IOS{ISAKMP: true, IPsec: true, Engine: true, AAAAuthentication: true, AAAAuthorization: true, RADIUS: true, Sessions: true}
	w.told.Write(all.Append(nil, r))
	w.told.Write(trace.AppendJSON(nil, r))
	fmt.Fprintf(&w.told, "%+v\n", r.Event)
}

func (w *listener) Installed(_ string, sa ipsec.SAParams) {
	if len(w.keys) < maxAgreed {
		w.keys = append(w.keys, sa.EncKey.Reveal(), sa.AuthKey.Reveal())
	}
	fmt.Fprintf(&w.told, "%v %+v %#v\n", sa, sa, sa)
}

// maxAgreed is how many agreed keys of a scenario are looked for: what tells one
// would tell any.
const maxAgreed = 8

// everything is what a scenario prints, and whatever its gateways can be asked
// at its end; by who said it.
func (s *scenario) everything(t *testing.T) (printed map[string]string, keys [][]byte) {
	t.Helper()
	w := &listener{}
	var out bytes.Buffer
	l, err := newWatchedLab(s.configs, s.options, w, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range l.hosts {
		d := h.router.Debug()
		d.ISAKMP, d.IPsec, d.Engine = true, true, true
	}
	if s.demo {
		l.demonstrate()
	} else if err := l.script("script", s.script); err != nil {
		t.Fatal(err)
	}
	printed = map[string]string{"the transcript": leak.Transcript(out.String()), "the events": w.told.String()}
	for _, h := range l.hosts {
		c := console.New(gateway{h.router, h})
		for _, line := range questions(h, l) {
			r := c.Run(line)
			value, err := json.Marshal(r.JSON)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			printed[h.name+"#"+line] = fmt.Sprintf("%s%v\n%s", r.Output, r.Err, value)
		}
		printed["the model of "+h.name] = fmt.Sprintf("%v %+v %#v", *h.cfg, *h.cfg, *h.cfg)
		for _, conn := range h.router.Connections() {
			printed["the model of "+h.name] += fmt.Sprintf("%+v", *conn)
		}
	}
	return printed, w.keys
}

// questions are the commands that a gateway can be asked, but for those that
// show keys by IOS's custom; those with arguments once for each of some values
// of the lab.
func questions(h *host, l *lab) (lines []string) {
	for _, command := range console.Commands() {
		line := command.Form
		if !strings.HasPrefix(line, "show ") && !strings.HasPrefix(line, "explain") || leak.ShowsKeys(line) {
			continue
		}
		lines = append(lines, filled(line, argumentsOf(line, h, l))...)
	}
	return lines
}

// filled puts values in the places of a command's arguments, as many lines as
// the argument with most values has.
func filled(form string, values map[string][]string) (lines []string) {
	words := strings.Fields(form)
	most := 1
	for _, w := range words {
		most = max(most, len(values[w]))
	}
	for i := range most {
		at := i
		line := slices.Clone(words)
		for n, w := range line {
			if list := values[w]; len(list) > 0 {
				line[n] = list[at%len(list)]
				at++ // two addresses of one command differ
			}
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

func argumentsOf(form string, h *host, l *lab) map[string][]string {
	var addresses, names []string
	for _, other := range l.hosts {
		for _, i := range other.cfg.Interfaces {
			for _, a := range i.Addresses {
				addresses = append(addresses, a.Addr().String())
			}
		}
	}
	for _, a := range h.cfg.AccessLists {
		names = append(names, a.Name)
	}
	for _, m := range h.cfg.DynamicMaps {
		names = append(names, m.Name)
	}
	for _, p := range h.cfg.Trustpoints {
		names = append(names, p.Name)
	}
	for _, p := range h.cfg.Pools {
		names = append(names, p.Name)
	}
	for _, p := range h.cfg.Pools {
		names = append(names, p.Name)
	}
	if strings.HasPrefix(form, "explain packet") {
		names = []string{"tcp", "udp"}
	}
	return map[string][]string{"A.B.C.D": addresses[:min(len(addresses), 4)], "WORD": names, "<1-65535>": {"443", "500"}}
}

// Every argument that a command has is filled in.
func TestEveryArgumentIsAsked(t *testing.T) {
	s := readScenario(t, filepath.Join("testdata", "tunnel-from-spoke.txt"))
	l, err := newWatchedLab(s.configs, s.options, &listener{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range questions(l.hosts[0], l) {
		if strings.ContainsAny(line, "<>[]") || regexp.MustCompile(`\b[A-Z]{4,}|A\.B\.C\.D`).MatchString(line) {
			t.Errorf("%q: no value for an argument", line)
		}
		r := console.New(gateway{l.hosts[0].router, l.hosts[0]}).Run(line)
		none := r.Err != nil && (strings.Contains(r.Err.Error(), "there is no ") || strings.HasPrefix(line, "show crypto dynamic-map tag") || strings.HasPrefix(line, "show ip local pool"))
		if r.Err != nil && line != "show history" && !none { // which is a terminal's
			t.Errorf("%q: %v", line, r.Err)
		}
	}
}

// keysOf are those of the configurations of a scenario and of what its operator
// types.
func keysOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "-- output --\n")
	var typed strings.Builder
	for line := range strings.Lines(head) {
		if at := strings.Index(line, ")# "); at >= 0 {
			line = line[at+3:]
		}
		typed.WriteString(line)
	}
	return leak.Keys(typed.String())
}

// Whatever happens and whoever asks, no gateway tells a key: not those of the
// configurations, and not those that were agreed.
func TestNoScenarioTellsAKey(t *testing.T) {
	withKeys, agreed := 0, 0
	for _, file := range scenarioFiles(t) {
		keys := keysOf(t, file)
		printed, derived := readScenario(t, file).everything(t)
		if len(keys) > 0 {
			withKeys++
		}
		agreed += len(derived)
		for who, text := range printed {
			for _, found := range append(leak.Find(text, keys), leak.FindOctets(text, derived...)...) {
				t.Errorf("%s: %s: %s", file, who, found)
			}
		}
	}
	if withKeys < 100 || agreed < 500 {
		t.Errorf("only %d scenarios with keys, %d agreed keys: the check is empty", withKeys, agreed)
	}
}

// The check finds what it looks for: here the key is the hostname, and a
// description has it in another form.
func TestALeakIsFound(t *testing.T) {
	s := readScenario(t, filepath.Join("testdata", "tunnel-from-spoke.txt"))
	s.configs[0].name, s.configs[0].cfg.Hostname = "lab-key-of-two", "lab-key-of-two"
	s.configs[0].cfg.CryptoMaps[0].Name = fmt.Sprintf("%x", "lab-key-of-two")
	s.script = strings.ReplaceAll(s.script, "hub#", "lab-key-of-two#")
	printed, _ := s.everything(t)
	for _, who := range []string{"the transcript", "the model of lab-key-of-two", "lab-key-of-two#show crypto map", "lab-key-of-two#show version"} {
		if len(leak.Find(printed[who], []string{"lab-key-of-two"})) == 0 {
			t.Errorf("%s: nothing found in\n%s", who, printed[who])
		}
	}
}
