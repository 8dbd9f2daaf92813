package capture

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A capture of a real peer, strongSwan's charon, in clear and with the key from
// its log. It was made with tcpdump between the two; the peer has another local
// network than this end asks for.
func TestRealCapture(t *testing.T) {
	file, err := os.ReadFile("testdata/networks-differ.pcap")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("testdata/networks-differ.keys")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ReadKeys(bytes.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, x := range []struct {
		title string
		keys  *Keys
	}{{"In clear", nil}, {"With the key", keys}} {
		r := readAll(t, file, Options{Keys: x.keys})
		b.WriteString("# " + x.title + "\n\n" + evidence(r) + "\n" + strings.Join(r.Remarks, "\n") + diagnose.Judge(r.Observations).Text() + "\n")
	}
	const golden = "testdata/networks-differ.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", &b, want)
	}
}
