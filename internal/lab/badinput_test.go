package lab

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/router"
)

// show types a command at a gateway.
func show(t *testing.T, h *host, line string) string {
	t.Helper()
	r := h.session.Feed(line)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.Output
}

// has says whether a listing has each of some lines, whatever stands before them.
func has(t *testing.T, listing string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !slices.ContainsFunc(strings.Split(listing, "\n"), func(l string) bool {
			return strings.Join(strings.Fields(l), " ") == line
		}) {
			t.Errorf("no line %q in\n%s", line, listing)
		}
	}
}

// What a peer with the keys and strangers without them send is shown with its
// reason, by the SA and in all, and the tunnel is what it was.
func TestBadPacketsAreShownByReason(t *testing.T) {
	l, near, far, _ := twoSites(t)
	if n := answered(t, near, 5, 100); n != 5 {
		t.Fatalf("%d of 5 answered", n)
	}
	spis := func() string { return show(t, far, "show crypto ipsec sa | include spi") }
	before, up := spis(), show(t, far, "show crypto isakmp sa")
	sa := near.plane.order[0].SAs()[1] // the outbound one
	from, to := netip.MustParseAddrPort("192.1.1.1:0"), netip.MustParseAddrPort("192.1.1.2:0")
	seal := func(p packet) []byte {
		esp, err := sa.Seal(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		return esp
	}
	a := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	good := seal(newEcho(a("10.0.1.1"), a("10.0.2.1"), 1, 1, 100))
	far.decrypt(good, from, to)
	for range 3 { // copies
		far.decrypt(good, from, to)
	}
	for i := range 4 { // forged
		bent := seal(newEcho(a("10.0.1.1"), a("10.0.2.1"), 1, 1, 100))
		bent[len(bent)-1-i] ^= 1
		far.decrypt(bent, from, to)
	}
	for range 2 { // outside the selectors
		far.decrypt(seal(newEcho(a("10.0.9.9"), a("10.0.2.1"), 1, 1, 100)), from, to)
	}
	far.decrypt(seal(newEcho(a("10.0.1.1"), a("10.0.2.1"), 1, 1, 100))[:20], from, to) // cut
	for i := range 6 {
		other := slices.Clone(good)
		other[0] ^= byte(i + 1) // SPIs of nobody
		far.decrypt(other, from, to)
	}
	far.decrypt(good[:7], from, to)
	far.decrypt(good, netip.MustParseAddrPort("192.1.1.1:4500"), to) // in UDP

	detail := show(t, far, "show crypto ipsec sa detail")
	has(t, detail, "#pkts decaps: 8, #pkts decrypt: 8, #pkts verify: 8", // those outside the selectors too
		"#pkts no sa (send) 0, #pkts invalid sa (rcv) 1",
		"#pkts invalid prot (recv) 0, #pkts verify failed: 4", "#pkts invalid identity (recv) 2, #pkts invalid len (rcv) 1",
		"##pkts replay failed (rcv): 3")
	has(t, show(t, far, "show crypto ipsec sa"), "#send errors 0, #recv errors 11")
	has(t, show(t, far, "show crypto isakmp statistics"), "unknown SPI 6", "replay: duplicate 3", "authentication failed 4",
		"selector mismatch 2", "truncated 2", "wrong encapsulation 1")
	if spis() != before || show(t, far, "show crypto isakmp sa") != up {
		t.Errorf("the SAs have changed:\n%s\n%s", spis(), show(t, far, "show crypto isakmp sa"))
	}
	l.run(time.Second, never)
	if n := answered(t, near, 5, 100); n != 5 {
		t.Errorf("%d of 5 answered afterwards", n)
	}
}

// Datagrams of strangers are shown with their reason, and the console stays of
// use.
func TestBadDatagramsAreShownByReason(t *testing.T) {
	_, near, far, out := twoSites(t)
	if n := answered(t, near, 5, 100); n != 5 {
		t.Fatalf("%d of 5 answered", n)
	}
	before := show(t, far, "show crypto ipsec sa | include spi")
	r := rand.New(rand.NewPCG(1, 1))
	local := netip.MustParseAddrPort("192.1.1.2:500")
	send := func(remote string, data []byte) {
		far.do(func(now time.Time) router.Output {
			return far.router.Datagram(now, local, netip.MustParseAddrPort(remote), data)
		})
	}
	header := func(version byte, x isakmp.ExchangeType, responder byte) []byte {
		h := isakmp.Header{Initiator: isakmp.Cookie{1}, Responder: isakmp.Cookie{responder}, Version: version, Exchange: x, Length: isakmp.HeaderLen}
		return h.AppendTo(nil)
	}
	for range 100 {
		send("198.51.100.7:500", make([]byte, r.IntN(28)))
		send("198.51.100.7:4500", header(0x20, isakmp.ExchangeIdentity, 0))
		send("192.1.1.1:500", header(isakmp.Version1, isakmp.ExchangeQuick, 1))
		send("192.1.1.1:500", header(isakmp.Version1, isakmp.ExchangeBase, 0))
		send("192.1.1.1:500", append(header(isakmp.Version1, isakmp.ExchangeIdentity, 0), 1))
	}
	has(t, show(t, far, "show crypto isakmp statistics"), "truncated 100", "version not supported 100", "no SA 100", "exchange not supported 100", "bad header 100")
	if n := strings.Count(out.String(), "%CRYPTO-"); n > 2+10 {
		t.Errorf("%d lines in the log", n)
	}
	if after := show(t, far, "show crypto ipsec sa | include spi"); after != before {
		t.Errorf("the SAs have changed:\n%s", after)
	}
	if got := far.router.Statistics().DatagramsIn; got < 500 {
		t.Errorf("%d datagrams are counted", got)
	}
	if n := answered(t, near, 5, 100); n != 5 {
		t.Errorf("%d of 5 answered afterwards", n)
	}
}
