package interop

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// factor is what a row of the matrix chooses one of.
type factor struct {
	name   string
	values []value
}

// factors of the matrix. A row names a value of each by its place.
var factors = []factor{
	{"encryption", ciphers}, {"hash", hashes}, {"group", groups},
	{"ESP cipher", espCiphers}, {"ESP integrity", espAuths}, {"set pfs", pfsGroups},
	{"version", releases},
}

const espCipherFactor, espAuthFactor = 3, 4

// point is a value of a factor.
type point struct{ factor, value int }

func (p point) String() string {
	return factors[p.factor].name + " " + factors[p.factor].values[p.value].ios
}

func (p point) lacking() bool {
	v := factors[p.factor].values[p.value]
	return charonLacks[v.proposal] != ""
}

// together says whether two values may stand in one row: AES-GCM has its own
// integrity, the other ciphers need one.
func together(a, b point) bool {
	if a.factor == b.factor || a.lacking() || b.lacking() {
		return false
	}
	if a.factor == espAuthFactor {
		a, b = b, a
	}
	if a.factor != espCipherFactor || b.factor != espAuthFactor {
		return true
	}
	gcm := strings.HasPrefix(espCiphers[a.value].ios, "esp-gcm")
	return gcm == (espAuths[b.value].ios == "")
}

// pairs are all that may stand in one row.
func pairs() (all [][2]point) {
	points := allPoints()
	for i, a := range points {
		for _, b := range points[i+1:] {
			if together(a, b) {
				all = append(all, [2]point{a, b})
			}
		}
	}
	return all
}

func allPoints() (all []point) {
	for f := range factors {
		for v := range factors[f].values {
			all = append(all, point{f, v})
		}
	}
	return all
}

// cover makes rows that hold every pair, greedily: each begins with the first
// pair that is still missing, and takes of every other factor the value that
// brings the most missing pairs.
func cover() (rows [][]int) {
	missing := map[[2]point]bool{}
	for _, p := range pairs() {
		missing[p] = true
	}
	for _, p := range pairs() {
		if !missing[p] {
			continue
		}
		row := complete(p, missing)
		for a := range row {
			for b := a + 1; b < len(row); b++ {
				delete(missing, [2]point{{a, row[a]}, {b, row[b]}})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func complete(p [2]point, missing map[[2]point]bool) []int {
	chosen := []point{p[0], p[1]}
	for len(chosen) < len(factors) {
		best, most := point{}, -1
		for _, c := range allPoints() {
			if n := gain(c, chosen, missing); n > most {
				best, most = c, n
			}
		}
		chosen = append(chosen, best)
	}
	row := make([]int, len(factors))
	for _, c := range chosen {
		row[c.factor] = c.value
	}
	return row
}

// gain counts the missing pairs that c makes with what is chosen; -1 where it
// cannot stand beside.
func gain(c point, chosen []point, missing map[[2]point]bool) (n int) {
	for _, other := range chosen {
		if !together(c, other) {
			return -1
		}
		if missing[[2]point{c, other}] || missing[[2]point{other, c}] {
			n++
		}
	}
	return n
}

func TestMatrixCoversAllPairs(t *testing.T) {
	rows := cover()
	t.Logf("%d rows for %d pairs", len(rows), len(pairs()))
	for _, p := range pairs() {
		if !slices.ContainsFunc(rows, func(row []int) bool {
			return row[p[0].factor] == p[0].value && row[p[1].factor] == p[1].value
		}) {
			t.Errorf("no row has %v with %v", p[0], p[1])
		}
	}
	for _, row := range rows {
		for a := range row {
			for b := a + 1; b < len(row); b++ {
				if !together(point{a, row[a]}, point{b, row[b]}) {
					t.Errorf("row %v has %v with %v", row, point{a, row[a]}, point{b, row[b]})
				}
			}
		}
	}
}

// TestMatrixHasEveryWord compares the matrix with the documented configuration,
// which a test of internal/config keeps true.
func TestMatrixHasEveryWord(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, policy, _ := strings.Cut(string(text), "\n## ISAKMP policy mode\n")
	policy, _, _ = strings.Cut(policy, "\n## ")
	for _, test := range []struct {
		line   string // up to the alternatives
		values []value
	}{
		{"encryption ", ciphers}, {"hash ", hashes}, {"group ", groups},
		{"CIPHER ", espCiphers}, {"INTEGRITY ", espAuths}, {"set pfs ", pfsGroups},
	} {
		want := documented(policy, test.line)
		if len(want) == 0 { // the word of another mode
			want = documented(string(text), test.line)
		}
		var got []string
		for _, v := range test.values {
			if v.ios != "" {
				got = append(got, strings.TrimPrefix(v.ios, "group"))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the matrix has %q, the configuration %q", test.line, got, want)
		}
	}
}

var keyLengths = regexp.MustCompile(`(\S+) \[ 128 \| 192 \| 256 \]`)

// documented lists the alternatives of the lines that begin so. A cipher with
// key lengths has 128 without a word.
func documented(text, start string) (words []string) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, start)
		if !ok {
			continue
		}
		rest = keyLengths.ReplaceAllString(rest, "$1 | $1 192 | $1 256")
		for word := range strings.SplitSeq(strings.Trim(strings.TrimSpace(rest), "{}[]"), "|") {
			words = append(words, strings.TrimPrefix(strings.TrimSpace(word), "group"))
		}
	}
	return words
}
