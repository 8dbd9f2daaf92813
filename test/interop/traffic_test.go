//go:build interop

package interop

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"qmidle/test/netns"
)

const echoInterval, echoPatience = 20 * time.Millisecond, 10 * time.Second

var echoID atomic.Uint32

// ping sends echo requests from a site's host to the other's, and returns how
// many were answered. It is patient, where `ping` waits but two round trips for
// the last reply, which is short on a busy machine.
func ping(s *site, count int) (received int, err error) {
	e, err := startEchoes(s, count, echoInterval, echoPatience)
	if err != nil {
		return 0, err
	}
	lost, err := e.lost()
	return count - len(lost), err
}

// echoes are echo requests that are on their way.
type echoes struct {
	site     *site
	conn     net.PacketConn
	id       int
	answered []atomic.Bool
	sent     atomic.Int32
	ended    chan error // of the sender, then of the receiver
}

func startEchoes(s *site, count int, interval, patience time.Duration) (*echoes, error) {
	e := &echoes{site: s, id: int(echoID.Add(1)), answered: make([]atomic.Bool, count), ended: make(chan error, 2)}
	err := netns.Do(s.hostNS, func() (err error) {
		e.conn, err = net.ListenPacket("ip4:icmp", s.host)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.conn.SetReadDeadline(time.Now().Add(time.Duration(count)*interval + patience))
	go func() { e.ended <- e.send(interval) }()
	go func() { e.ended <- e.receive() }()
	return e, nil
}

func (e *echoes) send(interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for seq := range e.answered {
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: e.id, Seq: seq, Data: make([]byte, 56)}}
		b, err := m.Marshal(nil)
		if err != nil {
			return err
		}
		if _, err := e.conn.WriteTo(b, &net.IPAddr{IP: net.ParseIP(e.site.remoteInner)}); err != nil {
			return err
		}
		e.sent.Add(1)
		<-tick.C
	}
	return nil
}

// receive marks what is answered, until all are or the time is over.
func (e *echoes) receive() error {
	buf := make([]byte, 1500)
	for missing := len(e.answered); missing > 0; {
		n, _, err := e.conn.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		m, bad := icmp.ParseMessage(1, buf[:n])
		if bad != nil || m.Type != ipv4.ICMPTypeEchoReply {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		if ok && echo.ID == e.id && echo.Seq < len(e.answered) && !e.answered[echo.Seq].Swap(true) {
			missing--
		}
	}
	return nil
}

// lost waits for the end and lists the sequence numbers without an answer.
func (e *echoes) lost() (lost []int, err error) {
	err = errors.Join(<-e.ended, <-e.ended)
	e.conn.Close()
	for seq := range e.answered {
		if !e.answered[seq].Load() {
			lost = append(lost, seq)
		}
	}
	return lost, err
}

// tell waits for the end, tells which had no answer, and returns how many.
func (e *echoes) tell(t *testing.T) (lost int) {
	t.Helper()
	list, err := e.lost()
	if err != nil {
		t.Error(err)
	}
	t.Logf("from the host behind the %s %d of %d echo requests were lost: %v", e.site.name, len(list), len(e.answered), list)
	return len(list)
}

// wantPing fails for any echo request that is lost.
func wantPing(t *testing.T, s *site, count int) {
	t.Helper()
	if n, err := ping(s, count); n != count {
		t.Fatalf("%d of %d echo requests from the host behind the %s were answered: %v", n, count, s.name, err)
	}
}

// wake brings the tunnel up by traffic. charon drops what comes before its SAs are
// there, and on a busy machine that may be later than qmidle waits for: then the
// first packet is lost, and the next must not be.
func wake(t *testing.T, s *site) {
	t.Helper()
	n, err := ping(s, 1)
	if n == 0 {
		t.Logf("the first echo request from the host behind the %s was lost: %v", s.name, err)
		n, err = ping(s, 1)
	}
	if n == 0 {
		t.Fatalf("no echo request from the host behind the %s was answered: %v", s.name, err)
	}
}
