package lab

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// misprints are where the book's Example 19-5 differs from what a router prints,
// and what differs with every run.
var misprints = []struct{ from, to string }{
	{`ID payload next-payload : 10`, "ID payload\nnext-payload : 10"},
	{`^Sending DEFAULT_DOMAIN`, "ISAKMP: Sending DEFAULT_DOMAIN"},
	{` ID= `, " ID = "},
	{`processing SA payload\..*`, "processing SA payload."},
	{`acceptable\. Next payload is \d`, "acceptable."},
	{`use the address: \d+`, "use the address: #"},
	{`\(0:\d+:SW:1\)`, "(0:#:SW:1)"},
}

func likeTheBook(text string) (lines []string) {
	for _, l := range normal(text) {
		for _, m := range misprints {
			l = regexp.MustCompile(m.from).ReplaceAllString(l, m.to)
		}
		lines = append(lines, strings.Split(l, "\n")...)
	}
	return lines
}

// The published debug output of an Easy VPN server leaves lines out, and this
// gateway leaves none of the published ones out: all are there in their order.
func TestExample19_5(t *testing.T) {
	book, err := os.ReadFile("../trace/testdata/example-19-5.txt")
	if err != nil {
		t.Fatal(err)
	}
	transcript := readScenario(t, "testdata/easy-vpn.txt").run(t)
	_, debug, _ := strings.Cut(transcript, "! client pc 192.1.1.40")
	got := likeTheBook(debug)
	for _, want := range likeTheBook(string(book)) {
		at := slices.Index(got, want)
		if at < 0 {
			t.Fatalf("missing or out of order: %q in\n%s", want, debug)
		}
		got = got[at+1:]
	}
	for _, secret := range []string{"lab-user-password", "lab-group-key"} {
		if _, rest, _ := strings.Cut(debug, "\n"); strings.Contains(rest, secret) {
			t.Errorf("the output has %q", secret)
		}
	}
}
