package gateway

import (
	"slices"
	"testing"
	"time"

	"qmidle/internal/ike"
)

// What is told of floods is what came since, by kind; and after the counters were
// cleared what they say.
func TestFloodsAreToldByKind(t *testing.T) {
	at := time.Unix(1000, 0)
	first := ike.Floods{Stubs: 90, Returned: 1, ByRate: 10, LastPressed: at}
	all := ike.Floods{Stubs: 100, Returned: 2, ByRate: 20, LastPressed: at, Strays: 5000, LastStray: at, Fragments: 7, LastFragment: at, ESP: 3000, LastESP: at}
	for _, x := range []struct {
		name    string
		f, told ike.Floods
		want    []string
	}{
		{"none", ike.Floods{}, ike.Floods{}, nil},
		{"first messages", first, ike.Floods{}, []string{"100 first messages, of which 90 were answered without keeping a record, and 1 came back"}},
		{"each", all, first, []string{"20 first messages, of which 10 were answered without keeping a record, and 1 came back", "5000 messages of no SA", "7 first messages that lack fragments", "3000 ESP packets of no SA"}},
		{"messages of no SA that are no flood", ike.Floods{Strays: 300}, ike.Floods{}, nil},
		{"cleared", ike.Floods{ESP: 2000, LastESP: at}, all, []string{"2000 ESP packets of no SA"}},
	} {
		if got := floodParts(x.f, x.told); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
}
