package console

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// withAccounts has pools that clients have addresses of, and RADIUS servers, one
// of which is dead.
func withAccounts(t *testing.T) *fakeRouter {
	f := upResponder(t)
	at := netip.MustParseAddr
	f.pools = []AddressPool{
		{"VPNPOOL", []PoolRange{{at("192.168.0.200"), at("192.168.0.222"), 22, 1}, {at("192.168.0.100"), at("192.168.0.100"), 0, 1}},
			[]PoolLease{{at("192.168.0.100"), "bob", "admin", now.Add(-time.Hour)}, {at("192.168.0.200"), "alice", "admin", now.Add(-time.Minute)}}},
		{"LARGE", []PoolRange{{at("10.55.0.1"), at("10.55.255.254"), 65534, 0}}, []PoolLease{}},
	}
	asked := RADIUSCounters{Requests: 5, Timeouts: 3, Retransmissions: 2, Failovers: 1, Accepted: 2, Rejected: 1, Challenged: 1, Unanswered: 1,
		BadAuthenticators: 1, AverageTime: 12, LongestTime: 40}
	f.radius = []RADIUSServer{
		{Host: at("192.0.2.50"), AuthPort: 1812, AcctPort: 1813, Dead: true, Since: now.Add(-time.Minute), Waiting: 2, Authentication: asked},
		{Name: "BACKUP", Host: at("192.0.2.51"), AuthPort: 1645, AcctPort: 1646, Since: started,
			Authentication: RADIUSCounters{Requests: 2, Accepted: 2, AverageTime: 6, LongestTime: 9, Malformed: 1}, Accounting: RADIUSCounters{Requests: 1, Accepted: 1, AverageTime: 3, LongestTime: 3}},
	}
	f.debug.RADIUS, f.debug.Authentication = true, true
	return f
}

func TestPoolsByName(t *testing.T) {
	f := withAccounts(t)
	run := func(line string) string {
		r := New(f).Run(line)
		return r.Output + ErrorText("", r.Err)
	}
	want := ` Pool                     Begin           End             Free  In use   Blocked
 VPNPOOL                  192.168.0.200   192.168.0.222     22       1         0
                          192.168.0.100   192.168.0.100      0       1         0
`
	got := run("show ip local pool VPNPOOL")
	for _, line := range []string{want, "Available addresses:\n   192.168.0.201\n", "   192.168.0.222\nInuse addresses:\n   192.168.0.100      IKE Addr: bob\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("without %q:\n%s", line, got)
		}
	}
	if got := run("show ip local pool LARGE"); !strings.Contains(got, "   10.55.1.0\n   and 65278 more\n") {
		t.Error(got)
	}
	if got := run("show ip local pool NONE"); !strings.Contains(got, "there is no pool NONE") {
		t.Error(got)
	}
}
