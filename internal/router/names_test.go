package router

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
)

var (
	zero  = time.Date(2005, time.March, 1, 5, 0, 0, 0, time.UTC)
	first = netip.MustParseAddr("192.1.1.42")
	other = netip.MustParseAddr("192.1.1.43")
)

func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

// named is the base configuration with its peer by name, and more lines.
func named(t *testing.T, more string) *config.Config {
	t.Helper()
	text := strings.NewReplacer("%ACL%\n", plainACL, "%MAP%\n", "", " set peer 192.1.1.42", " set peer spoke", "host address 192.1.1.42", "host hostname Spoke.example.com").Replace(base)
	c, ds := config.Load("hub.cfg", []byte(text+more))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func asked(lookups []Lookup) (all []string) {
	for _, q := range lookups {
		all = append(all, q.Name)
	}
	return all
}

var spokeIs = func(addrs ...netip.Addr) Resolution { return Resolution{Name: "spoke.example.com", Addrs: addrs} }

func TestWhenNamesAreLookedUp(t *testing.T) {
	n := newNames(named(t, "ip name-server 192.0.2.53\n"), nil)
	due := func(seconds float64, want int) {
		t.Helper()
		got := n.due(at(seconds))
		if len(got) != want {
			t.Errorf("after %v s: %v", seconds, got)
		}
		for _, q := range got {
			if q.Name != "spoke.example.com" || len(q.Servers) != 1 {
				t.Errorf("asked %+v", q)
			}
		}
	}
	due(0, 1) // at the start, once for the peer and the key
	due(1, 0)
	n.answer(Resolution{Name: "spoke.example.com", Problem: "no answer"}, at(2))
	due(6.9, 0)
	due(7, 1)
	n.answer(Resolution{Name: "spoke.example.com", Unknown: true}, at(7))
	due(16.9, 0)
	due(17, 1) // twice as long after the second failure
	n.answer(spokeIs(first), at(17))
	due(316.9, 0)
	due(317, 1)
	due(346, 0)
	due(347, 1) // an answer that is lost is not waited for
	if h, _ := n.answer(spokeIs(other), at(348)); h == nil {
		t.Fatal("an answer is refused")
	}
	if h, _ := n.answer(spokeIs(first), at(349)); h != nil {
		t.Error("an answer that nobody asked for is taken")
	}
	if h, _ := n.answer(Resolution{Name: "nobody.example.com", Addrs: []netip.Addr{first}}, at(349)); h != nil {
		t.Error("an answer about another name is taken")
	}

	n.suspectAll(at(350)) // somebody unknown has called
	due(361.9, 0)
	due(362, 1)
	n.answer(spokeIs(other), at(362))
	n.suspect(first, at(370)) // no name has this address
	due(371, 0)
	n.suspect(other, at(370))
	due(370, 1)
}

func TestDemandForAnAddress(t *testing.T) {
	n := newNames(named(t, ""), nil)
	peers := []config.Peer{{Addr: other}, {Host: "SPOKE"}}
	demand := func(seconds float64, want int, wait bool) {
		t.Helper()
		if got := n.demand(peers, at(seconds)); len(got) != want || n.waits(peers, at(seconds)) != wait {
			t.Errorf("after %v s: asked %v, waits %v", seconds, got, n.waits(peers, at(seconds)))
		}
	}
	demand(0, 1, true)
	demand(1, 0, true)
	n.answer(Resolution{Name: "spoke.example.com", Problem: "no answer"}, at(2))
	demand(3, 0, false) // it was asked for a moment ago
	demand(5, 1, true)
	n.answer(spokeIs(first), at(6))
	demand(66, 0, false)
	demand(67, 1, true) // the answer is old
	n.answer(spokeIs(first), at(67))
	n.suspect(first, at(68))
	demand(69, 0, false)
	demand(72, 1, true) // its peer was given up
}

func TestAnswersAboutAName(t *testing.T) {
	n := newNames(named(t, ""), nil)
	step := func(x Resolution, changed bool, want ...netip.Addr) {
		t.Helper()
		n.ask(n.byName["spoke.example.com"], zero)
		if _, got := n.answer(x, zero); got != changed || !slices.Equal(n.addresses("spoke"), want) {
			t.Errorf("%+v: changed %v, addresses %v", x, got, n.addresses("spoke"))
		}
	}
	step(spokeIs(first, other), true, first, other)
	step(spokeIs(other, first), false, first, other) // in turn
	step(Resolution{Name: "SPOKE.example.com", Problem: "no answer"}, false, first, other)
	step(spokeIs(other), true, other)
	step(spokeIs(netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("2001:db8::1"), first), true, first)
	step(Resolution{Name: "spoke.example.com", Unknown: true}, true)
	step(spokeIs(), false)
	var many []netip.Addr
	for i := range 200 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}))
	}
	step(spokeIs(many...), true, many[:maxAddresses]...)
}

func TestHostOfTheConfigurationComesFirst(t *testing.T) {
	for _, line := range []string{"ip host spoke 192.1.1.43\n", "ip host SPOKE.example.com 192.1.1.43\n"} {
		r := newRouter(t, named(t, line), nil)
		if got := r.Connections()[0].Peers; !slices.Equal(got, []netip.Addr{other}) {
			t.Errorf("%s: peers %v", line, got)
		}
		if out := r.Timeout(zero); len(out.Lookups) != 0 {
			t.Errorf("%s: asked %v", line, out.Lookups)
		}
		key, ok := r.engineConfig().Keys.PresharedKey(ike.KeyQuery{Remote: other})
		if !ok || string(key.Secret.Reveal()) != "host" {
			t.Errorf("%s: the key by host name is not found", line)
		}
	}
	r := newRouter(t, named(t, "no ip domain lookup\n"), nil)
	if out := r.Timeout(zero); len(out.Lookups) != 0 || len(r.Connections()[0].Peers) != 0 {
		t.Errorf("lookups are off: asked %v", out.Lookups)
	}
}

// A request waits for the answer, which it has in the same input.
func TestRequestWaitsForItsPeersAddress(t *testing.T) {
	r := newRouter(t, named(t, ""), nil)
	if at, ok := r.NextDeadline(); !ok || at.After(zero) {
		t.Errorf("the first lookup is due at %v", at)
	}
	out := r.Acquire(zero, 1, 0)
	if got := asked(out.Lookups); !slices.Equal(got, []string{"spoke.example.com"}) || len(out.Send) != 0 {
		t.Fatalf("asked %v, sent %d", got, len(out.Send))
	}
	if out := r.Acquire(at(1), 1, 0); len(out.Lookups)+len(out.Send) != 0 {
		t.Errorf("the same request again: %+v", out)
	}
	out = r.Resolved(at(2), spokeIs(first))
	if len(out.Send) != 1 || out.Send[0].Remote.Addr() != first {
		t.Fatalf("sent %+v", out.Send)
	}
	if got := r.Connections()[0]; got.Tag != 1 || !slices.Equal(got.Peers, []netip.Addr{first}) {
		t.Errorf("the connection is %+v", got)
	}
}

// An answer that does not come holds up nobody whose last address is known.
func TestOldAddressServesWhileDNSIsSilent(t *testing.T) {
	r := newRouter(t, named(t, ""), nil)
	r.Timeout(zero)
	r.Resolved(zero, spokeIs(first))
	out := r.Acquire(at(120), 1, 0)
	if len(out.Lookups) != 1 || len(out.Send) != 0 {
		t.Fatalf("asked %v, sent %d", out.Lookups, len(out.Send))
	}
	if at, ok := r.NextDeadline(); !ok || !at.Equal(zero.Add(121*time.Second)) {
		t.Errorf("next at %v", at)
	}
	if out := r.Timeout(at(121)); len(out.Send) != 1 || out.Send[0].Remote.Addr() != first {
		t.Errorf("sent %+v", out.Send)
	}
}

// Nothing of a name's address is in the policy: it stays as it is.
func TestNewAddressLeavesThePolicy(t *testing.T) {
	r := newRouter(t, named(t, ""), nil)
	before := r.Policies()
	r.Timeout(zero)
	r.Resolved(zero, spokeIs(first))
	if !slices.Equal(before, r.Policies()) {
		t.Error("the policy has changed")
	}
	c, err := r.Prepare(named(t, ""), ConfiguredAddress)
	if err != nil || !slices.Equal(c.Policies(), before) || len(c.Notices) != 0 {
		t.Errorf("the same configuration again: %v, %v", c.Notices, err)
	}
	c, err = r.Prepare(named(t, "ip name-server 192.0.2.53\n"), ConfiguredAddress)
	if err != nil || !slices.Equal(c.Policies(), before) {
		t.Errorf("another name server: %v", err)
	}
	r.Reconfigure(at(1), c)
	if out := r.Timeout(at(1)); len(out.Lookups) != 1 || len(out.Lookups[0].Servers) != 1 {
		t.Errorf("the new name server is not asked: %v", out.Lookups)
	}
}

func TestAddressOfOursIsNoPeer(t *testing.T) {
	r := newRouter(t, named(t, ""), nil)
	r.Timeout(zero)
	r.Resolved(zero, spokeIs(netip.MustParseAddr("192.1.1.40"), other))
	if got := r.Connections()[0].Peers; !slices.Equal(got, []netip.Addr{other}) {
		t.Errorf("peers %v", got)
	}
}
