//go:build interop

package interop

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"qmidle/test/netns"
)

// stream is octets on their way over TCP, from a site's host to the other's.
type stream struct {
	from, to *site
	size     int64
	begun    time.Time
	sent     result
	received result
	ended    chan struct{} // twice
}

// result is what one end saw.
type result struct {
	octets int64
	sum    [sha256.Size]byte
	err    error
}

// startStream sends size octets, no more than rate of them a second; 0 is as fast
// as it goes.
func startStream(t *testing.T, from, to *site, size, rate int64, limit time.Duration) *stream {
	t.Helper()
	var listener net.Listener
	err := netns.Do(to.hostNS, func() (err error) {
		listener, err = net.Listen("tcp4", to.host+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var sender net.Conn
	err = netns.Do(from.hostNS, func() (err error) {
		sender, err = net.DialTimeout("tcp4", listener.Addr().String(), 10*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sender.Close()
		receiver.Close()
	})
	s := &stream{from: from, to: to, size: size, begun: time.Now(), ended: make(chan struct{}, 2)}
	sender.SetDeadline(s.begun.Add(limit))
	receiver.SetDeadline(s.begun.Add(limit))
	source := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	go func() {
		s.sent.copy(&paced{sender, rate, s.begun, 0}, source, writeSize(rate))
		s.sent.err = errors.Join(s.sent.err, sender.(*net.TCPConn).CloseWrite())
		s.ended <- struct{}{}
	}()
	go func() {
		s.received.copy(discard{}, receiver, 64<<10)
		s.ended <- struct{}{}
	}()
	return s
}

func (r *result) copy(to io.Writer, from io.Reader, size int) {
	sum := sha256.New()
	r.octets, r.err = io.CopyBuffer(to, io.TeeReader(from, sum), make([]byte, size))
	sum.Sum(r.sum[:0])
}

// writeSize keeps a rate free of bursts.
func writeSize(rate int64) int {
	if rate > 0 {
		return 4 << 10
	}
	return 64 << 10
}

// discard is io.Discard that leaves the buffer's size alone.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// paced is a writer that keeps to a rate.
type paced struct {
	io.Writer
	rate    int64
	begun   time.Time
	written int64
}

func (p *paced) Write(b []byte) (int, error) {
	if p.rate > 0 {
		<-time.After(time.Until(p.begun.Add(time.Duration(p.written) * time.Second / time.Duration(p.rate))))
	}
	n, err := p.Writer.Write(b)
	p.written += int64(n)
	return n, err
}

// wait waits for the end, and fails unless all has come as it was sent. It returns
// the rate in Mbit/s.
func (s *stream) wait(t *testing.T) float64 {
	t.Helper()
	<-s.ended
	<-s.ended
	if s.sent.err != nil || s.received.err != nil {
		t.Fatalf("%v: %v, %v after %d octets", s, s.sent.err, s.received.err, s.received.octets)
	}
	if s.received.octets != s.size || s.received.sum != s.sent.sum {
		t.Errorf("%v: sent %d octets, %x; received %d, %x", s, s.size, s.sent.sum, s.received.octets, s.received.sum)
	}
	return float64(s.size) * 8 / 1e6 / time.Since(s.begun).Seconds()
}

func (s *stream) String() string {
	return fmt.Sprintf("TCP from the %s to the %s", s.from.name, s.to.name)
}

// transfer sends octets over TCP as fast as it goes, and returns the rate in
// Mbit/s.
func transfer(t *testing.T, from, to *site, size int64, limit time.Duration) float64 {
	t.Helper()
	return startStream(t, from, to, size, 0, limit).wait(t)
}
