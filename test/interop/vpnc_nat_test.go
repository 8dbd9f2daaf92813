//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// threeUsers is usersConfig with two users more, and Cisco's port.
var threeUsers = strings.NewReplacer("username alice", "username bob password 0 bob-password\nusername carol password 0 carol-password\nusername alice",
	" acl 150\n", " acl 150\n qmidle ipsec-udp-port 10000\n").Replace(usersConfig)

// asksOften has vpnc ask by dead peer detection as often as it can.
const asksOften = "+DPD idle timeout (our side) 10"

// addClient puts one more host behind the NAT, and returns its namespace.
func (l *lab) addClient(t *testing.T, n int) (ns string) {
	t.Helper()
	ns = fmt.Sprintf("%s-c%d", l.prefix, n)
	command(t, "ip", "netns", "add", ns)
	quiet(t, ns)
	gateway, inside := fmt.Sprintf("10.1.%d.1", n), fmt.Sprintf("in%d", n)
	command(t, "ip", "-n", ns, "link", "add", "wan0", "type", "veth", "peer", "name", inside, "netns", l.nat())
	command(t, "ip", "-n", l.nat(), "addr", "add", gateway+"/24", "dev", inside)
	command(t, "ip", "-n", l.nat(), "link", "set", inside, "up")
	command(t, "ip", "-n", ns, "addr", "add", fmt.Sprintf("10.1.%d.2/24", n), "dev", "wan0")
	command(t, "ip", "-n", ns, "link", "set", "wan0", "up")
	command(t, "ip", "-n", ns, "route", "add", "default", "via", gateway)
	return ns
}

// accessSessions is what the test wants of `show crypto session detail`.
type accessSessions struct {
	Sessions []struct {
		Peer     string
		Port     int `json:"peer_port"`
		Uptime   int `json:"uptime_seconds"`
		Username string
		Group    string
		Address  string `json:"assigned_address"`
		Since    time.Time
		Flows    []struct {
			Encrypted int `json:"encrypted_packets"`
			Decrypted int `json:"decrypted_packets"`
			BytesOut  int `json:"encrypted_bytes"`
			BytesIn   int `json:"decrypted_bytes"`
		}
	}
}

// TestVPNCsBehindOneNAT has three clients behind one address work at once, two by
// NAT traversal and one by Cisco's encapsulation. The NAT gives all of them other
// ports meanwhile.
func TestVPNCsBehindOneNAT(t *testing.T) {
	t.Parallel()
	const count, interval, bound = 120, 100 * time.Millisecond, 5
	l := newNATLab(t, func(l *lab) *site { return l.spoke })
	capture := startCapture(t, l)
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, threeUsers)
	if pool := q.leases(t); len(pool) != 0 {
		t.Errorf("the pool before: %v", pool)
	}
	users := []string{"alice", "bob", "carol"}
	modes := map[string]string{"alice": "natt", "bob": "natt", "carol": "cisco-udp"}
	var running []*process
	addresses := map[string]string{}
	var echoing []*echoes
	for i, user := range users {
		ns := l.spoke.ns
		if i > 0 {
			ns = l.addClient(t, i+1)
		}
		p, connected := dialVPNCIn(t, l, ns, user, user+"-password", "NAT Traversal Mode "+modes[user], asksOften)
		waitConnected(t, p, connected)
		running = append(running, p)
		addresses[user] = fmt.Sprintf("10.55.0.%d", 10+i)
		wake(t, client(l, ns, addresses[user])) // vpnc may lose the answer that comes while it begins
		wantPing(t, client(l, ns, addresses[user]), 3)
		e, err := startEchoes(client(l, ns, addresses[user]), count, interval, 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		echoing = append(echoing, e)
	}
	q.wantSessions(t, addresses, firstPorts)
	if pool := q.leases(t); len(pool) != 3 || pool["10.55.0.11"] != "bob" {
		t.Errorf("the pool during: %v", pool)
	}
	eventually(t, "some traffic", 10*time.Second, func() (bool, string) { return echoing[2].sent.Load() > 20, "" })
	l.mapPorts(t, secondPorts)
	for i, e := range echoing {
		lost, err := e.lost()
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s has lost %d of %d echo requests: %v", users[i], len(lost), count, lost)
		if len(lost) > bound {
			t.Errorf("more than %d", bound)
		}
	}
	// The IKE of Cisco's encapsulation shows itself by dead peer detection.
	eventually(t, "all at their new ports", 30*time.Second, func() (bool, string) {
		wrong := q.wrongSessions(t, addresses, secondPorts)
		return len(wrong) == 0, strings.Join(wrong, "\n")
	})
	for i, p := range running {
		if err := p.stop(t, syscall.SIGTERM); err != nil {
			t.Errorf("%s: vpnc ends with %v\n%s", users[i], err, p.output)
		}
	}
	q.waitSAs(t, 0, 0)
	if pool := q.leases(t); len(pool) != 0 {
		t.Errorf("the pool after: %v", pool)
	}
	q.end(t)
	capture.end(t).wantProtected(t, 3*count)
}

// leases are the users of the pool's addresses.
func (q *qmidle) leases(t *testing.T) map[string]string {
	t.Helper()
	var pools accessPool
	q.ask(t, "show ip local pool", &pools)
	users := map[string]string{}
	for _, p := range pools.Pools {
		for _, x := range p.InUse {
			users[x.Address] = x.User
		}
	}
	return users
}

func (q *qmidle) wantSessions(t *testing.T, addresses map[string]string, ports string) {
	t.Helper()
	for _, wrong := range q.wrongSessions(t, addresses, ports) {
		t.Error(wrong)
	}
}

// wrongSessions says what of the list of sessions is not as it should be: each user
// with his address, behind the NAT at a port of a range, and with packets of his own
// both ways.
func (q *qmidle) wrongSessions(t *testing.T, addresses map[string]string, ports string) (wrong []string) {
	t.Helper()
	var first, last int
	fmt.Sscanf(ports, "%d-%d", &first, &last)
	var list accessSessions
	q.ask(t, "show crypto session detail", &list)
	if len(list.Sessions) != len(addresses) {
		wrong = append(wrong, fmt.Sprintf("%d sessions, want %d", len(list.Sessions), len(addresses)))
	}
	for _, s := range list.Sessions {
		good := s.Peer == natOutside && s.Port >= first && s.Port <= last && s.Group == "clients" && s.Address == addresses[s.Username] &&
			time.Since(s.Since) < 2*time.Minute && (time.Since(s.Since)-time.Duration(s.Uptime)*time.Second).Abs() < 3*time.Second && len(s.Flows) == 1
		if good { // each echo request is 84 octets
			f := s.Flows[0]
			good = f.Decrypted >= 3 && f.Encrypted >= 3 && f.BytesIn == 84*f.Decrypted && f.BytesOut == 84*f.Encrypted
		}
		if _, err := netip.ParseAddr(s.Address); err != nil || !good {
			wrong = append(wrong, fmt.Sprintf("the session %+v", s))
		}
	}
	return wrong
}
