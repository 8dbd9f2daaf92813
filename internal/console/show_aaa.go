package console

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/config"
)

// Accounts is what a Router may have besides: address pools and RADIUS servers.
type Accounts interface {
	AddressPools() []AddressPool
	RADIUSServers() []RADIUSServer
	// RADIUSUnexpected counts packets that answered nothing.
	RADIUSUnexpected() uint64
}

// AddressPool is an `ip local pool`.
type AddressPool struct {
	Name   string      `json:"pool"`
	Ranges []PoolRange `json:"ranges"`
	InUse  []PoolLease `json:"in_use"`
}

// PoolRange is one range of a pool.
type PoolRange struct {
	Begin netip.Addr `json:"begin"`
	End   netip.Addr `json:"end"`
	Free  int        `json:"free"`
	InUse int        `json:"in_use"`
}

// PoolLease is an address that a client has.
type PoolLease struct {
	Address netip.Addr `json:"address"`
	User    string     `json:"user,omitempty"`
	Group   string     `json:"group,omitempty"`
	Since   time.Time  `json:"since,omitzero"`
}

// RADIUSServer is a server that can be asked.
type RADIUSServer struct {
	Name           string         `json:"name,omitempty"`
	Host           netip.Addr     `json:"host"`
	AuthPort       uint16         `json:"auth_port"`
	AcctPort       uint16         `json:"acct_port"`
	Dead           bool           `json:"dead"`
	Since          time.Time      `json:"since"` // of the state
	Waiting        int            `json:"waiting"`
	Authentication RADIUSCounters `json:"authentication"`
	Accounting     RADIUSCounters `json:"accounting"`
}

// RADIUSCounters count requests of one kind. Times are in milliseconds.
type RADIUSCounters struct {
	Requests          uint64 `json:"requests"`
	Timeouts          uint64 `json:"timeouts"`
	Failovers         uint64 `json:"failovers"`
	Retransmissions   uint64 `json:"retransmissions"`
	Accepted          uint64 `json:"accepted"`
	Rejected          uint64 `json:"rejected"`
	Challenged        uint64 `json:"challenged"`
	Unanswered        uint64 `json:"unanswered"`
	Malformed         uint64 `json:"malformed"`
	BadAuthenticators uint64 `json:"bad_authenticators"`
	AverageTime       uint64 `json:"average_time_ms"`
	LongestTime       uint64 `json:"longest_time_ms"`
}

func (c RADIUSCounters) answered() uint64 { return c.Accepted + c.Rejected + c.Challenged }

// AddressPools is show ip local pool.
type AddressPools struct {
	Pools []AddressPool `json:"pools"`

	named bool
}

func addressPools(r Router, a config.Args) (View, error) {
	v := AddressPools{Pools: []AddressPool{}, named: a.Has("pool")}
	if accounts, ok := r.(Accounts); ok {
		for _, p := range accounts.AddressPools() {
			if !v.named || p.Name == a.Text("pool") {
				v.Pools = append(v.Pools, p)
			}
		}
	}
	if v.named && len(v.Pools) == 0 {
		return nil, fmt.Errorf("there is no pool %s", a.Text("pool"))
	}
	return v, nil
}

// Text is IOS's table, and the addresses of a pool that was named. All of it is
// recalled.
func (v AddressPools) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, " %-24s %-15s %-15s %4s  %6s   %7s\n", "Pool", "Begin", "End", "Free", "In use", "Blocked")
	for _, p := range v.Pools {
		name := p.Name
		for _, r := range p.Ranges {
			fmt.Fprintf(&b, " %-24s %-15s %-15s %4d  %6d   %7d\n", name, r.Begin, r.End, r.Free, r.InUse, 0)
			name = ""
		}
		if v.named {
			p.writeAddresses(&b)
		}
	}
	return b.String()
}

// maxListed is how many free addresses are listed.
const maxListed = 256

func (p AddressPool) writeAddresses(b *strings.Builder) {
	taken := map[netip.Addr]bool{}
	for _, l := range p.InUse {
		taken[l.Address] = true
	}
	b.WriteString("Available addresses:\n")
	listed, left := 0, 0
	for _, r := range p.Ranges {
		left += r.Free
		for a := r.Begin; !r.End.Less(a) && listed < maxListed; a = a.Next() {
			if !taken[a] {
				listed++
				fmt.Fprintf(b, "   %s\n", a)
			}
		}
	}
	if left > listed {
		fmt.Fprintf(b, "   and %d more\n", left-listed)
	}
	b.WriteString("Inuse addresses:\n")
	for _, l := range p.InUse {
		fmt.Fprintf(b, "   %-18s IKE Addr: %s\n", l.Address, printable(l.User))
	}
}

// AAAServers is show aaa servers.
type AAAServers struct {
	Servers []RADIUSServer `json:"servers"`

	now time.Time
}

func aaaServers(r Router) AAAServers {
	v := AAAServers{Servers: []RADIUSServer{}, now: r.Now()}
	if accounts, ok := r.(Accounts); ok {
		v.Servers = append(v.Servers, accounts.RADIUSServers()...)
	}
	return v
}

// Text has a block for each server. It is recalled, and shorter than IOS's.
func (v AAAServers) Text() string {
	var b strings.Builder
	for i, s := range v.Servers {
		state := "UP"
		if s.Dead {
			state = "DEAD"
		}
		fmt.Fprintf(&b, "\nRADIUS: id %d, priority %d, host %s, auth-port %d, acct-port %d\n", i+1, i+1, s.Host, s.AuthPort, s.AcctPort)
		fmt.Fprintf(&b, "     State: current %s, duration %ds\n", state, int(v.now.Sub(s.Since)/time.Second))
		s.Authentication.write(&b, "Authen", fmt.Sprintf("accept %d, reject %d, challenge %d", s.Authentication.Accepted, s.Authentication.Rejected, s.Authentication.Challenged))
		s.Accounting.write(&b, "Account", "")
		fmt.Fprintf(&b, "     Estimated Outstanding Transactions: %d\n", s.Waiting)
	}
	return b.String()
}

func (c RADIUSCounters) write(b *strings.Builder, kind, verdicts string) {
	fmt.Fprintf(b, "     %s: request %d, timeouts %d, failover %d, retransmission %d\n", kind, c.Requests, c.Timeouts, c.Failovers, c.Retransmissions)
	if verdicts != "" {
		fmt.Fprintf(b, "             Response: %s\n", verdicts)
	}
	fmt.Fprintf(b, "             Response: incorrect %d, time %dms\n", c.Malformed+c.BadAuthenticators, c.AverageTime)
	fmt.Fprintf(b, "             Transaction: success %d, failure %d\n", c.answered(), c.Unanswered)
}

// RADIUSStatistics is show radius statistics: the sums of all servers.
type RADIUSStatistics struct {
	Authentication RADIUSCounters `json:"authentication"`
	Accounting     RADIUSCounters `json:"accounting"`
	Unexpected     uint64         `json:"unknown_responses"`
}

func radiusStatistics(r Router) RADIUSStatistics {
	var v RADIUSStatistics
	accounts, ok := r.(Accounts)
	if !ok {
		return v
	}
	for _, s := range accounts.RADIUSServers() {
		v.Authentication = v.Authentication.plus(s.Authentication)
		v.Accounting = v.Accounting.plus(s.Accounting)
	}
	v.Unexpected = accounts.RADIUSUnexpected()
	return v
}

// plus adds counts; the average is weighed by answers.
func (c RADIUSCounters) plus(o RADIUSCounters) RADIUSCounters {
	average := uint64(0)
	if n := c.answered() + o.answered(); n > 0 {
		average = (c.AverageTime*c.answered() + o.AverageTime*o.answered()) / n
	}
	return RADIUSCounters{c.Requests + o.Requests, c.Timeouts + o.Timeouts, c.Failovers + o.Failovers, c.Retransmissions + o.Retransmissions,
		c.Accepted + o.Accepted, c.Rejected + o.Rejected, c.Challenged + o.Challenged, c.Unanswered + o.Unanswered, c.Malformed + o.Malformed,
		c.BadAuthenticators + o.BadAuthenticators, average, max(c.LongestTime, o.LongestTime)}
}

// Text is IOS's table, without its queues and buffers. It is recalled.
func (v RADIUSStatistics) Text() string {
	var b strings.Builder
	row := func(name string, of func(RADIUSCounters) uint64, both func(a, b uint64) uint64) {
		x, y := of(v.Authentication), of(v.Accounting)
		fmt.Fprintf(&b, "%28s %10d %10d %10d\n", name, x, y, both(x, y))
	}
	sum := func(a, b uint64) uint64 { return a + b }
	larger := func(a, b uint64) uint64 { return max(a, b) }
	fmt.Fprintf(&b, "%28s %10s %10s %10s\n", "", "Auth.", "Acct.", "Both")
	row("Total responses seen:", RADIUSCounters.answered, sum)
	row("Packets with responses:", RADIUSCounters.answered, sum)
	row("Packets without responses:", func(c RADIUSCounters) uint64 { return c.Unanswered }, sum)
	fmt.Fprintf(&b, "%28s %10d\n", "Access Rejects    :", v.Authentication.Rejected)
	row("Average response delay(ms):", func(c RADIUSCounters) uint64 { return c.AverageTime }, func(_, _ uint64) uint64 { return v.Authentication.plus(v.Accounting).AverageTime })
	row("Maximum response delay(ms):", func(c RADIUSCounters) uint64 { return c.LongestTime }, larger)
	row("Number of Radius timeouts:", func(c RADIUSCounters) uint64 { return c.Timeouts }, sum)
	row("Malformed Responses        :", func(c RADIUSCounters) uint64 { return c.Malformed }, sum)
	row("Bad Authenticators         :", func(c RADIUSCounters) uint64 { return c.BadAuthenticators }, sum)
	fmt.Fprintf(&b, "%28s %10s %10s %10d\n", "Unknown Responses          :", "", "", v.Unexpected)
	return b.String()
}
