//go:build interop

package interop

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ping sends echo requests from a site's host to the other's, and returns how
// many were answered.
func ping(s *site, count int) (received int, output string) {
	out, _ := exec.Command("ip", "netns", "exec", s.hostNS,
		"ping", "-n", "-c", strconv.Itoa(count), "-i", "0.1", "-W", "8", s.remoteInner).CombinedOutput()
	fmt.Sscanf(after(string(out), "transmitted, "), "%d received", &received)
	return received, string(out)
}

func after(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	return rest
}

// wantPing fails for any echo request that is lost.
func wantPing(t *testing.T, s *site, count int) {
	t.Helper()
	if n, out := ping(s, count); n != count {
		t.Fatalf("%d of %d echo requests from the host behind the %s were answered:\n%s", n, count, s.name, out)
	}
}

// inside runs f on a thread in a namespace; sockets that it makes stay there.
func inside(ns string, f func() error) error {
	done := make(chan error)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, so that no
		// other code finds itself in the namespace.
		runtime.LockOSThread()
		fd, err := unix.Open("/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// transfer sends octets over TCP from a site's host to the other's, and fails
// unless they come as they were sent. It returns the rate in Mbit/s.
func transfer(t *testing.T, from, to *site, size int64, limit time.Duration) float64 {
	t.Helper()
	var listener net.Listener
	err := inside(to.hostNS, func() (err error) {
		listener, err = net.Listen("tcp4", to.host+":7000")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var sender net.Conn
	err = inside(from.hostNS, func() (err error) {
		sender, err = net.DialTimeout("tcp4", to.host+":7000", 10*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	begun := time.Now()
	sender.SetDeadline(begun.Add(limit))
	receiver.SetDeadline(begun.Add(limit))

	sent, got, failed := sha256.New(), sha256.New(), make(chan error, 1)
	go func() {
		source := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
		_, err := io.Copy(sender, io.TeeReader(source, sent))
		sender.(*net.TCPConn).CloseWrite()
		failed <- err
	}()
	n, err := io.Copy(got, receiver)
	if sendErr := <-failed; err != nil || sendErr != nil {
		t.Fatalf("TCP from the %s to the %s: %v, %v after %d octets", from.name, to.name, sendErr, err, n)
	}
	if n != size || string(sent.Sum(nil)) != string(got.Sum(nil)) {
		t.Errorf("TCP from the %s to the %s: sent %d octets, %x; received %d, %x", from.name, to.name, size, sent.Sum(nil), n, got.Sum(nil))
	}
	return float64(n) * 8 / 1e6 / time.Since(begun).Seconds()
}
