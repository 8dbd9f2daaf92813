package lab

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/compare"
)

// holds compares two texts as the command does, whatever they are.
func holds(a, b string) (*compare.Comparison, error) {
	var files []*compare.File
	for i, text := range []string{a, b} {
		f, err := compare.Read([]string{"a.cfg", "b.cfg"}[i], []byte(text))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	c, err := compare.Compare(files)
	if err != nil {
		return nil, err
	}
	if err := Prove(c); err != nil {
		return nil, err
	}
	c.Text()
	_, err = json.Marshal(c)
	return c, err
}

// TestComparisonsThatMeanHarm looks only for an end, and for one without panic.
func TestComparisonsThatMeanHarm(t *testing.T) {
	_, good := spokeOf(t)
	for name, text := range map[string]string{
		"nothing":           "",
		"only comments":     "!\n!\n",
		"line ends":         strings.ReplaceAll(good, "\n", "\r\n"),
		"no indentation":    strings.ReplaceAll(good, "\n ", "\n"),
		"a peer of its own": "hostname x\ninterface Ethernet0/0\n ip address 203.0.113.10 255.255.255.0\n",
		"routes in a ring":  good + "ip route 10.0.0.0 255.0.0.0 10.1.0.1\nip route 10.1.0.0 255.255.0.0 10.0.0.1\nip route 0.0.0.0 0.0.0.0 10.1.0.9\n",
		"host routes":       strings.ReplaceAll(good, "255.255.255.0", "255.255.255.255"),
		"map of another":    strings.ReplaceAll(good, " crypto map SITES", " crypto map SITES\ninterface Serial0/0\n ip address 192.0.2.5 255.255.255.252\n crypto map SITES"),
		"any any":           strings.ReplaceAll(good, "permit ip 192.168.3.0 0.0.0.255 192.168.2.0 0.0.0.255", "permit ip any any"),
		"hosts only":        strings.ReplaceAll(good, "permit ip 192.168.3.0 0.0.0.255 192.168.2.0 0.0.0.255", "permit udp host 198.51.100.20 eq 500 host 203.0.113.10 eq 500"),
		"unicorn":           strings.ReplaceAll(good, "hostname spoke", "hostname s"+strings.Repeat("p", 60)),
	} {
		t.Run(name, func(t *testing.T) {
			hub, _ := spokeOf(t)
			for _, x := range [][2]string{{hub, text}, {text, hub}, {text, text}} {
				if _, err := holds(x[0], x[1]); err != nil && !strings.Contains(err.Error(), "error: ") {
					t.Error(err)
				}
			}
		})
	}
}

// spokeOf are the two ends of a good pair.
func spokeOf(t testing.TB) (hub, spoke string) {
	t.Helper()
	text, err := os.ReadFile("testdata/compare/good.txt")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "-- output --\n")
	parts := splitParts(head)
	return parts[0].text, parts[1].text
}

// TestComparisonOfLongLists bounds the work: the lines that are compared, and
// those that are tried.
func TestComparisonOfLongLists(t *testing.T) {
	hub, spoke := spokeOf(t)
	var a, b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&a, "access-list 101 permit ip 10.%d.%d.0 0.0.0.255 172.16.%d.0 0.0.0.255\n", i/250, i%250, i%250)
		fmt.Fprintf(&b, "access-list 101 permit ip 172.16.%d.0 0.0.0.127 10.%d.%d.0 0.0.0.255\n", i%250, i/250, i%250)
	}
	c, err := holds(hub+a.String(), spoke+b.String())
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, x := range c.Pairs[0].Tunnels {
		for _, w := range x.Ways {
			if w != nil && w.Outcome != nil {
				tried++
			}
		}
	}
	if n := len(c.Pairs[0].Tunnels); n > 2001 || tried > maxProofs {
		t.Errorf("%d tunnels compared, %d tried", n, tried)
	}
}

// FuzzCompare holds any text against a good configuration.
func FuzzCompare(f *testing.F) {
	hub, _ := spokeOf(f)
	files, err := filepath.Glob("testdata/compare/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "-- output --\n")
		for _, p := range splitParts(head) {
			f.Add(p.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := holds(hub, text)
		if err != nil {
			return
		}
		if strings.Contains(c.Text(), "lab-key-of-two") && !strings.Contains(strings.ReplaceAll(text, "key lab-key-of-two", ""), "lab-key-of-two") {
			t.Error("the text shows a key")
		}
	})
}

const damagedPairs = 300

// TestComparisonPredictsTheLabOfDamagedFiles deletes, repeats and exchanges lines
// of the configurations in testdata, and holds what is left against each other.
func TestComparisonPredictsTheLabOfDamagedFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/compare/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	readable := 0
	for seed := range uint64(damagedPairs) {
		r := rand.New(rand.NewPCG(seed, 11))
		text, err := os.ReadFile(files[r.IntN(len(files))])
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "-- output --\n")
		parts := splitParts(head)
		a, b := strings.SplitAfter(parts[0].text, "\n"), strings.SplitAfter(parts[1].text, "\n")
		donor, err := os.ReadFile(files[r.IntN(len(files))])
		if err != nil {
			t.Fatal(err)
		}
		others, _, _ := strings.Cut(string(donor), "-- output --\n")
		for range 1 + r.IntN(4) {
			damageLines(r, &a, &b, strings.SplitAfter(splitParts(others)[r.IntN(2)].text, "\n"))
		}
		left, right := strings.Join(a, ""), strings.Join(b, "")
		c, err := holds(left, right)
		if err != nil {
			continue
		}
		readable++
		for _, problem := range disagreements(c) {
			t.Errorf("seed %d: %s\n%s\n--- a.cfg\n%s\n--- b.cfg\n%s", seed, problem, c.Text(), left, right)
		}
	}
	if readable < damagedPairs/5 {
		t.Errorf("only %d of %d pairs could be compared", readable, damagedPairs)
	}
}

func damageLines(r *rand.Rand, a, b *[]string, others []string) {
	if r.IntN(2) == 0 {
		a, b = b, a
	}
	i, j := r.IntN(len(*a)), r.IntN(len(*b))
	switch r.IntN(5) {
	case 0:
		*a = slices.Insert(*a, i, others[r.IntN(len(others))])
	case 1:
		*a = slices.Delete(*a, i, i+1)
	case 2:
		*a = slices.Insert(*a, r.IntN(len(*a)), (*a)[i])
	default:
		*a = slices.Insert(*a, i, (*b)[j])
	}
	if len(*a) == 0 {
		*a = []string{"!\n"}
	}
}
