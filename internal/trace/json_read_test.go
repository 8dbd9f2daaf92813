package trace

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
)

// Whatever an event holds, its JSON read and written again is the same.
func TestJSONRoundTrip(t *testing.T) {
	for code := CodeNone + 1; code < NumCodes; code++ {
		t.Run(code.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := newScript()
				s.established(Role(rapid.Uint8Max(2).Draw(t, "role")), ShowState(rapid.Uint8Max(10).Draw(t, "state")))
				s.add(drawEvent(t, code))
				line := AppendJSON(nil, &s.records[0])
				rec, err := ParseJSON(line)
				if err != nil {
					t.Fatalf("%v in %s", err, line)
				}
				if again := AppendJSON(nil, &rec); string(again) != string(line) {
					t.Fatalf("%s\n%s", line, again)
				}
			})
		})
	}
}

// What engines emit comes back as it was, the octets of attributes included.
func TestJSONGivesTheSameRecords(t *testing.T) {
	for name, records := range families() {
		if name == "transforms" || name == "refusals" {
			continue // attributes in forms that no peer has
		}
		for i := range records {
			want := records[i]
			got, err := ParseJSON(AppendJSON(nil, &want))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !reflect.DeepEqual(want.Event, got.Event) && !unnamed(want.Event) {
				t.Errorf("%s: got %+v, want %+v", name, got.Event, want.Event)
			}
			got.Event = want.Event
			if diff := cmp.Diff(want, got, compareRecords); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

// unnamed says that an event has a number without a name of its own, or text
// that is not UTF-8.
func unnamed(e Event) bool {
	line := string(AppendJSON(nil, &Record{Event: e}))
	return strings.Contains(line, `"unknown"`) || strings.Contains(line, "\uFFFD")
}

func TestParseJSONRefuses(t *testing.T) {
	good := string(AppendJSON(nil, &Record{Time: time.Unix(1, 0), Event: &KeyLookup{Peer: bookPeer, Found: true}}))
	if _, err := ParseJSON([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, new, want string }{
		{good, "", "no event"},
		{good, "[]", "no event"},
		{`"key_lookup"`, `"key_looked_up"`, `no event is named "key_looked_up"`},
		{`"found":true`, `"found":1`, `member "found"`},
		{`"192.1.1.42"`, `"192.1.1"`, `member "peer"`},
		{`"role":"N"`, `"role":"X"`, `there is no "X"`},
		{`"conn":0`, `"conn":4294967296`, "4294967296 is more than 4294967295"},
		{`"conn":0`, `"conn":-1`, `member "conn"`},
	} {
		_, err := ParseJSON([]byte(strings.Replace(good, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: %v, want %s", test.new, test.old, err, test.want)
		}
	}
}

// Records of another release have members more and members less.
func TestParseJSONOfAnotherRelease(t *testing.T) {
	rec, err := ParseJSON([]byte(`{"time":"2005-03-01T05:06:03Z","event":"packet_received","more":[1],"sa":3,"fields":{"message_id":7,"color":"red"}}`))
	want := Record{Time: time.Date(2005, 3, 1, 5, 6, 3, 0, time.UTC), Context: Context{SA: 3}, Event: &PacketReceived{MessageID: 7}}
	if err != nil || !reflect.DeepEqual(rec, want) {
		t.Errorf("%+v, %v", rec, err)
	}
}

// A name that stands for a number of its own is found either way.
func TestNamed(t *testing.T) {
	for _, n := range []isakmp.NotifyType{0, isakmp.NotifyNoProposalChosen, isakmp.NotifyRUThereAck, 99, 65535} {
		if got, ok := named[isakmp.NotifyType](n.String()); !ok || got != n {
			t.Errorf("%s is %d, want %d", n, got, n)
		}
	}
	if got, ok := named[Drop]("no such drop"); ok {
		t.Errorf("%d", got)
	}
}
