package lab

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Between the command that switches it on and the tunnel, the debug of the
// crypto engine has the lines of the published example and no other.
func TestPublishedEngineDebug(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("..", "trace", "testdata", "example-19-7.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := readScenario(t, filepath.Join("testdata", "engine.txt")).run(t)
	_, out, _ = strings.Cut(out, "Crypto Engine debugging is on\n")
	stamped := regexp.MustCompile(`(?m)^\*Mar  1 04:03:17\.[0-9]{3}: (.*\n)`)
	var got strings.Builder
	for _, m := range stamped.FindAllStringSubmatch(out, -1) {
		got.WriteString(m[1])
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("lines differ (-book +ours):\n%s", diff)
	}
}
