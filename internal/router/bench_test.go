package router

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qmidle/internal/console"
	"qmidle/internal/isakmp"
)

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// crowdOf is a hub with as many local users as are to log in.
func crowdOf(t testing.TB, users int, group isakmp.Group) *office {
	text := strings.NewReplacer(" max-logins 1\n", "", "10.9.0.1 10.9.0.2", "10.9.0.1 10.9.255.254", " group 2\n", fmt.Sprintf(" group %d\n", group)).
		Replace(accessHub(localLists))
	var b strings.Builder
	for i := range users {
		fmt.Fprintf(&b, "username user%05d password wonderland\n", i)
	}
	o := newOfficeOf(t, text+b.String())
	o.clock = threadTime
	*o.hub.Debug() = console.Debug{}
	return o
}

// logIn has one user in, whose end is forgotten then.
func (o *office) logIn(i int, group isakmp.Group) {
	o.clients, o.leases = o.clients[:0], o.leases[:0]
	c := o.dialFrom(netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), group, fmt.Sprintf("user%05d", i), "wonderland")
	o.run(0)
	if !c.address().IsValid() {
		o.Fatalf("user %d is not in", i)
	}
}

// BenchmarkLogin is a client's whole way in: aggressive mode, XAUTH with a local
// user whose password is kept in clear, mode config and quick mode. The time is the
// processor's, and of the hub alone, with AAA and the flight recorder.
func BenchmarkLogin(b *testing.B) {
	const users = 4000
	for _, g := range []isakmp.Group{isakmp.GroupMODP1024, isakmp.GroupMODP2048} {
		b.Run(fmt.Sprint("group ", uint16(g)), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var spent time.Duration
			o := crowdOf(b, users, g)
			n := 0
			for b.Loop() {
				if n%users == 0 && n > 0 {
					spent += o.spent
					o = crowdOf(b, users, g)
				}
				o.logIn(n%users, g)
				o.now = o.now.Add(time.Second / 100)
				n++
			}
			spent += o.spent
			b.ReportMetric(float64(spent.Microseconds())/float64(n), "hub-us/login")
			b.ReportMetric(float64(n)/spent.Seconds(), "logins/s")
		})
	}
}

// heapPerClient is the live heap of one client at a hub that has so many, in octets.
func heapPerClient(t testing.TB, clients int) int {
	o := crowdOf(t, clients, isakmp.GroupMODP1024)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range clients {
		o.logIn(i, isakmp.GroupMODP1024)
	}
	o.now = o.now.Add(3 * time.Minute)
	o.carry(o.hub.Timeout(o.now))
	o.clients, o.leases, o.wire = nil, nil, nil
	if n := len(o.hub.IPsecSAs()); n != clients {
		t.Fatalf("%d pairs of %d clients", n, clients)
	}
	o.plane.sas, o.plane.instances = nil, nil // the data plane has a budget of its own
	each := int(heap()-before) / clients
	runtime.KeepAlive(o)
	return each
}

func TestHeapPerClient(t *testing.T) {
	each := heapPerClient(t, 500)
	t.Logf("%d octets of a client", each)
	if each > 8*1024 {
		t.Errorf("a client costs %d octets, want 8192 at most", each)
	}
}

// BenchmarkHeapOfClients is TestHeapPerClient with ten thousand of them.
func BenchmarkHeapOfClients(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(heapPerClient(b, 10000)), "octets/client")
	}
}
