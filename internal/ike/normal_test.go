package ike

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/trace"
)

var update = flag.Bool("update", false, "rewrite the golden files and docs/exchanges.md")

// iosText renders events as `debug crypto isakmp` prints them.
func iosText(e *events) string {
	r := trace.IOS{ISAKMP: true}
	var out []byte
	for i := range e.list {
		out = r.Append(out, &e.list[i])
	}
	return string(out)
}

var (
	messageIDs = regexp.MustCompile(`((?:node|Node|message ID =|M-ID of|QM_IDLE      ) ?)(-?\d+)`)
	memory     = regexp.MustCompile(`(0x|sa = |sa=|delme=|successfully |reap for [0-9.]+: )([0-9A-F]{8})\b`)
	spiHex     = regexp.MustCompile(`spi 0x[0-9A-F]+`)
	spiDec     = regexp.MustCompile(`spi [0-9]{4,}`)
	connFlags  = regexp.MustCompile(`conn_id \d+ and flags [0-9A-F]+`)
	sequence   = regexp.MustCompile(`(seq\. no|sequence) 0x[0-9A-F]+`)
)

// normal replaces what differs from run to run or from router to router:
// memory addresses, message IDs (numbered as they appear), SPIs and conn-ids,
// and the blanks and empty lines that typesetting loses.
func normal(text string) string {
	seen := map[string]int{"0": 0}
	text = messageIDs.ReplaceAllStringFunc(text, func(s string) string {
		m := messageIDs.FindStringSubmatch(s)
		if _, known := seen[m[2]]; !known {
			seen[m[2]] = len(seen)
		}
		return fmt.Sprintf("%s#%d", m[1], seen[m[2]])
	})
	text = spiHex.ReplaceAllString(text, "spi SPI")
	text = spiDec.ReplaceAllString(text, "spi SPI")
	text = connFlags.ReplaceAllString(text, "conn_id N and flags F")
	text = sequence.ReplaceAllString(text, "$1 SEQ")
	text = memory.ReplaceAllString(text, "${1}ADDRESS")
	text = strings.NewReplacer("  New State", " New State", "of  0x", "of 0x", "/,  and", "/, and").Replace(text)
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares got with a file of testdata, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

// missing returns the first line of want that got does not have, in order, "" if
// it has them all.
func missing(got, want string) string {
	rest := strings.Split(got, "\n")
	for line := range strings.Lines(want) {
		line = strings.TrimSuffix(line, "\n")
		at := -1
		for i, l := range rest {
			if l == line {
				at = i
				break
			}
		}
		if at < 0 {
			return line
		}
		rest = rest[at+1:]
	}
	return ""
}

// lineDiff lists the lines that two texts do not share, "-" of a and "+" of b,
// each run of them after the shared line before it.
func lineDiff(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	length := make([][]int, len(x)+1) // of the longest common subsequence from i, j on
	for i := range length {
		length[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if x[i] == y[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	var out strings.Builder
	shared, told := "", true
	line := func(mark, text string) {
		if !told {
			fmt.Fprintf(&out, "  %s\n", shared)
		}
		told = true
		fmt.Fprintf(&out, "%s %s\n", mark, text)
	}
	for i, j := 0, 0; i < len(x) || j < len(y); {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			shared, told = x[i], false
			i, j = i+1, j+1
		case j == len(y) || (i < len(x) && length[i+1][j] >= length[i][j+1]):
			line("-", x[i])
			i++
		default:
			line("+", y[j])
			j++
		}
	}
	return out.String()
}
