package trace

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func render(r *IOS, records []Record) string {
	var out []byte
	for i := range records {
		out = r.Append(out, &records[i])
	}
	return string(out)
}

// asInTheBook takes away what the typesetting of the examples has lost: blanks
// at the end of a line, empty lines, and the second of two blanks in three
// places.
func asInTheBook(text string) string {
	text = strings.NewReplacer("  New State", " New State", "of  0x", "of 0x", "/,  and", "/, and").Replace(text)
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// The examples are the `debug crypto isakmp` output of a router with IOS
// 12.3(14)T, published in a book: a tunnel that comes up, a policy mismatch and
// a wrong pre-shared key.
func TestIOSPrintsPublishedExamples(t *testing.T) {
	examples := map[string][]Record{
		"example-19-2.txt": tunnel(false),
		"example-19-3.txt": policyMismatch(),
		"example-19-4.txt": keyMismatch(),
	}
	for file, records := range examples {
		t.Run(file, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			got := asInTheBook(render(&IOS{ISAKMP: true}, records))
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("lines differ (-book +ours):\n%s", diff)
			}
		})
	}
}

// A whole trace has more lines than the example, in the same order.
func TestIOSExampleIsPartOfWholeTunnel(t *testing.T) {
	book, err := os.ReadFile("testdata/example-19-2.txt")
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.Split(asInTheBook(render(&IOS{ISAKMP: true}, tunnel(true))), "\n")
	for want := range strings.Lines(string(book)) {
		want = strings.TrimSuffix(want, "\n")
		at := indexOf(rest, want)
		if at < 0 {
			t.Fatalf("line missing or out of order: %q", want)
		}
		rest = rest[at+1:]
	}
}

func indexOf(lines []string, want string) int {
	for i, line := range lines {
		if line == want {
			return i
		}
	}
	return -1
}

func TestIOSGolden(t *testing.T) {
	all := IOS{ISAKMP: true, IPsec: true, Engine: true, AAAAuthentication: true, AAAAuthorization: true, RADIUS: true, Sessions: true, PKIMessages: true, PKITransactions: true, PKIValidation: true, DebugTime: TimestampsDatetimeMsec,
		LogTime: TimestampsDatetimeMsec, ClockMark: '*'}
	for name, records := range families() {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".golden")
			got := render(&all, records)
			if strings.Contains(got, "%!") {
				t.Error("a format does not fit its arguments")
			}
			if *update {
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
		})
	}
}

// Every event prints under each debug that owns it, and under no other.
func TestIOSOwners(t *testing.T) {
	switches := map[debugSet]*IOS{
		debugISAKMP: {ISAKMP: true}, debugIPsec: {IPsec: true}, debugEngine: {Engine: true}, systemMessage: {},
		sessionMessage: {Sessions: true}, debugPKIMessages: {PKIMessages: true}, debugPKITransactions: {PKITransactions: true}, debugPKIValidation: {PKIValidation: true},
		debugAAAAuthentication: {AAAAuthentication: true}, debugAAAAuthorization: {AAAAuthorization: true},
		debugRADIUS: {RADIUS: true},
	}
	printed := [NumCodes]debugSet{}
	seen := [NumCodes]bool{}
	for _, records := range families() {
		for i := range records {
			code := records[i].Event.Code()
			seen[code] = true
			for set, ios := range switches {
				// A system message is printed whatever is on.
				if text := ios.Append(nil, &records[i]); len(text) > 0 && owners[code]&set != 0 {
					printed[code] |= set
				} else if len(text) > 0 && owners[code]&systemMessage == 0 {
					t.Errorf("%s prints under another's debug: %s", code, text)
				}
			}
		}
	}
	for code := CodeNone + 1; code < NumCodes; code++ {
		if !seen[code] {
			t.Errorf("%s is in no golden file", code)
		}
		if printed[code] != owners[code] {
			t.Errorf("%s: printed under %04b, owned by %04b", code, printed[code], owners[code])
		}
	}
}

func TestIOSTimestamps(t *testing.T) {
	rec := Record{Time: time.Date(2005, time.March, 1, 5, 6, 3, 199e6, time.UTC), Event: &ISAKMPOnOff{On: true}}
	const text = "%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is ON\n"
	for _, test := range []struct {
		ios  IOS
		want string
	}{
		{IOS{}, ""},
		{IOS{DebugTime: TimestampsUptime}, ""},
		{IOS{LogTime: TimestampsUptime, Started: rec.Time.Add(-44 * time.Minute)}, "00:44:00: "},
		{IOS{LogTime: TimestampsUptime, Started: rec.Time.Add(-26 * time.Hour)}, "1d02h: "},
		{IOS{LogTime: TimestampsUptime, Started: rec.Time.Add(-17 * 24 * time.Hour)}, "2w3d: "},
		{IOS{LogTime: TimestampsDatetime}, "Mar  1 05:06:03: "},
		{IOS{LogTime: TimestampsDatetimeMsec, ClockMark: '*'}, "*Mar  1 05:06:03.199: "},
		{IOS{LogTime: TimestampsDatetimeMsec, ClockMark: '.', Zone: time.FixedZone("", 3600)}, ".Mar  1 06:06:03.199: "},
	} {
		if got := string(test.ios.Append(nil, &rec)); got != test.want+text {
			t.Errorf("%+v: got %q, want %q", test.ios, got, test.want+text)
		}
	}
}

// Whatever the fields hold, the text is whole lines of printable ASCII: nothing
// that a peer sends reaches a terminal as a control character.
func TestIOSPrintsPlainLines(t *testing.T) {
	all := IOS{ISAKMP: true, IPsec: true, Engine: true, AAAAuthentication: true, AAAAuthorization: true, RADIUS: true, Sessions: true}
	for code := CodeNone + 1; code < NumCodes; code++ {
		rapid.Check(t, func(t *rapid.T) {
			s := newScript()
			s.add(drawEvent(t, code))
			text := render(&all, s.records)
			if text != "" && !strings.HasSuffix(text, "\n") {
				t.Fatalf("%s: the last line has no end: %q", code, text)
			}
			for _, r := range text {
				if r != '\n' && (r < ' ' || r > '~') {
					t.Fatalf("%s prints %U: %q", code, r, text)
				}
			}
		})
	}
}

func TestIOSHidesControlCharacters(t *testing.T) {
	s := newScript()
	s.add(&IDPayload{Type: isakmp.IDFQDN, Data: []byte("r1\x1b[2J\r\nISAKMP: forged")})
	got := render(&IOS{ISAKMP: true}, s.records)
	if !strings.Contains(got, "FQDN name    : r1.[2J..ISAKMP: forged\n") {
		t.Errorf("control characters are printed: %q", got)
	}
}

// A request that waits is node 0, whose line other events print.
func TestIOSPrintsNodeZeroOnce(t *testing.T) {
	s := newScript()
	s.established(RoleInitiator, MMNoState)
	s.add(&NodeCreated{}, &SAInserted{})
	if got := strings.Count(render(&IOS{ISAKMP: true}, s.records), "set new node 0"); got != 1 {
		t.Errorf("printed %d times", got)
	}
}
