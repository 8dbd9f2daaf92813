//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	messageIDs = regexp.MustCompile(`((?:node|Node|message ID =|M-ID of|QM_IDLE      ) ?)(-?\d+)`)
	memory     = regexp.MustCompile(`(0x|sa = |sa=|delme=|successfully |reap for [0-9.]+: )([0-9A-F]{8})\b`)
	spis       = regexp.MustCompile(`spi (0x[0-9A-F]+|\d{4,})`)
	connFlags  = regexp.MustCompile(`conn_id \d+ and flags [0-9A-F]+`)
)

// normal replaces what differs from run to run: memory addresses, SPIs,
// conn-ids of IPsec SAs, and message IDs, which are numbered as they appear.
func normal(text string) string {
	seen := map[string]int{"0": 0}
	text = messageIDs.ReplaceAllStringFunc(text, func(s string) string {
		m := messageIDs.FindStringSubmatch(s)
		if _, known := seen[m[2]]; !known {
			seen[m[2]] = len(seen)
		}
		return fmt.Sprintf("%s#%d", m[1], seen[m[2]])
	})
	text = spis.ReplaceAllString(text, "spi SPI")
	text = connFlags.ReplaceAllString(text, "conn_id N and flags F")
	return memory.ReplaceAllString(text, "${1}ADDRESS")
}

// golden compares got with a file of testdata, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
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
