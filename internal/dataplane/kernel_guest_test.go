//go:build guest

package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/test/netns"
)

// What runs here runs on a machine of its own, whose kernel has ESP: see test/kernel.

// kernelEnds are two Kernels in namespaces of their own, and who asks for echoes by them.
type kernelEnds struct {
	name       string
	hub, spoke *Kernel
	asks       net.Conn
	soft, used chan ipsec.SAParams
	lost, sent int
}

var (
	guestHub, guestSpoke = netip.MustParseAddr("192.1.1.40"), netip.MustParseAddr("192.1.1.42")
	guestSelector        = ipsec.Selector{LocalNet: ipsec.RangeOf(netip.MustParsePrefix("192.168.2.0/24")), RemoteNet: ipsec.RangeOf(netip.MustParsePrefix("192.168.3.0/24"))}
)

const (
	guestTag    = 1
	guestAnswer = 2 * time.Second // that one is waited for
)

func guestIP(t *testing.T, options []string, commands string) {
	t.Helper()
	c := exec.Command("ip", append(options, "-b", "-")...)
	c.Stdin = strings.NewReader(commands)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
}

// openEnds makes both, with routes to each other and a policy, and who answers at the
// spoke.
func openEnds(t *testing.T, name string) *kernelEnds {
	t.Helper()
	x := &kernelEnds{name: name, soft: make(chan ipsec.SAParams, 64), used: make(chan ipsec.SAParams, 64)}
	hub, spoke := name+"-hub", name+"-spoke"
	guestIP(t, nil, "netns add "+hub+"\nnetns add "+spoke+"\nlink add wan0 netns "+hub+" type veth peer name wan0 netns "+spoke+"\n")
	for _, s := range [][]string{{hub, "192.1.1.40", "192.168.2.1", "192.168.3.0/24 via 192.1.1.42"}, {spoke, "192.1.1.42", "192.168.3.1", "192.168.2.0/24 via 192.1.1.40"}} {
		guestIP(t, []string{"-n", s[0]}, fmt.Sprintf("link set lo up\naddr add %s/24 dev wan0\naddr add %s/32 dev lo\nlink set wan0 up\nroute add %s src %s\n", s[1], s[2], s[3], s[2]))
	}
	x.hub, x.spoke = x.open(t, hub, guestSelector), x.open(t, spoke, otherEnd(ipsec.SAParams{Selector: guestSelector}).Selector)
	x.converse(t, hub, spoke)
	return x
}

func (x *kernelEnds) open(t *testing.T, namespace string, s ipsec.Selector) (k *Kernel) {
	t.Helper()
	events := Events{SoftLimit: func(sa ipsec.SAParams) { x.soft <- sa }, UsedUp: func(sa ipsec.SAParams) { x.used <- sa }}
	err := netns.Do(namespace, func() error {
		host, err := OpenHost()
		if err != nil {
			return err
		}
		t.Cleanup(func() { host.Close() })
		if k, err = OpenKernel(host, KernelConfig{Events: events, Grace: 2 * time.Second}); err != nil {
			return err
		}
		t.Cleanup(func() { k.Close() })
		return k.SetPolicies([]ipsec.PolicyEntry{{Tag: guestTag, Permit: true, Selector: s}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// converse opens a socket at either end, and has the spoke's answer.
func (x *kernelEnds) converse(t *testing.T, hub, spoke string) {
	t.Helper()
	err := netns.Do(spoke, func() error {
		answers, err := net.ListenPacket("udp4", "192.168.3.1:7")
		if err != nil {
			return err
		}
		t.Cleanup(func() { answers.Close() })
		go func() {
			b := make([]byte, 65535)
			for {
				n, from, err := answers.ReadFrom(b)
				if err != nil {
					return
				}
				answers.WriteTo(b[:n], from)
			}
		}()
		return nil
	})
	err = errors.Join(err, netns.Do(hub, func() (err error) {
		x.asks, err = net.Dial("udp4", "192.168.3.1:7")
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.asks.Close() })
}

// exchange sends a packet of so many octets of data, and waits for it to come back.
func (x *kernelEnds) exchange(t *testing.T, size int, wait time.Duration) (came bool) {
	t.Helper()
	x.sent++
	b := make([]byte, size)
	b[0], b[1] = byte(x.sent>>8), byte(x.sent)
	_, err := x.asks.Write(b)
	x.asks.SetReadDeadline(time.Now().Add(wait))
	for err == nil {
		n := 0
		if n, err = x.asks.Read(b); err == nil && n == size && b[0] == byte(x.sent>>8) && b[1] == byte(x.sent) {
			return true
		}
	}
	x.lost++
	return false
}

// pair installs one with SPIs that come from its number, at both ends.
func (x *kernelEnds) pair(t *testing.T, number, seconds, kilobytes uint32) (all []ipsec.SAParams) {
	t.Helper()
	key := func(n int) secret.Secret { return secret.New([]byte(strings.Repeat(string(rune('a'+number)), n))) }
	there := ipsec.SAParams{SPI: 0x1000 + 2*number, Direction: ipsec.Outbound, Local: guestHub, Remote: guestSpoke, Selector: guestSelector, Tag: guestTag,
		Transform: isakmp.ESPAES, KeyBits: 128, EncKey: key(16), Auth: isakmp.AuthAlgHMACSHA1, AuthKey: key(20), LifeSeconds: seconds, LifeKilobytes: kilobytes}
	back := there
	back.SPI, back.Local, back.Remote, back.Selector = there.SPI+1, guestSpoke, guestHub, otherEnd(there).Selector
	if err := errors.Join(x.spoke.Install(otherEnd(there), back), x.hub.Install(otherEnd(back), there)); err != nil {
		t.Fatal(err)
	}
	return []ipsec.SAParams{there, otherEnd(there), back, otherEnd(back)}
}

// remove does so for a pair at both ends.
func (x *kernelEnds) remove(t *testing.T, pair []ipsec.SAParams) {
	t.Helper()
	for _, p := range pair {
		k := x.hub
		if p.Local == guestSpoke {
			k = x.spoke
		}
		if err := k.Remove(p.Direction, p.SPI, p.Remote); err != nil {
			t.Error(err)
		}
	}
}

// otherEnd is the other end's part of an SA.
func otherEnd(p ipsec.SAParams) ipsec.SAParams {
	p.Direction = ipsec.Inbound
	p.Local, p.Remote = p.Remote, p.Local
	s := p.Selector
	p.Selector = ipsec.Selector{LocalNet: s.RemoteNet, RemoteNet: s.LocalNet, Protocol: s.Protocol, LocalPort: s.RemotePort, RemotePort: s.LocalPort}
	return p
}

// spis are those of the states that the kernels have, requests for one left out.
func (x *kernelEnds) spis(t *testing.T) map[uint32]int {
	t.Helper()
	all := map[uint32]int{}
	for _, k := range []*Kernel{x.hub, x.spoke} {
		states, err := k.conn.States()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			if s.SPI != 0 {
				all[s.SPI]++
			}
		}
	}
	return all
}

// until exchanges packets until so many different SAs have been told of.
func (x *kernelEnds) until(t *testing.T, what string, told <-chan ipsec.SAParams, count, size int) {
	t.Helper()
	seen := map[string]bool{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	for ; len(seen) < count; <-tick.C {
		x.exchange(t, size, guestAnswer)
		if time.Since(begun) > time.Minute {
			t.Fatalf("%s: %v of %d SAs told of within a minute", what, seen, count)
		}
		for more := true; more; {
			select {
			case sa := <-told:
				seen[fmt.Sprint(sa.Direction, sa.SPI)] = true
			default:
				more = false
			}
		}
	}
}

// TestKernelSeconds waits for the ends of SAs: the soft one of all four has a successor
// take over, without a packet that is lost, and at the hard one the states are gone.
func TestKernelSeconds(t *testing.T) {
	t.Parallel()
	x := openEnds(t, "seconds")
	begun := time.Now()
	x.pair(t, 1, 2, 0)
	x.until(t, "the soft end", x.soft, 4, 100)
	soft := time.Since(begun)
	x.pair(t, 2, 0, 0)
	x.until(t, "the hard end", x.used, 4, 100)
	hard := time.Since(begun) // the kernel counts whole seconds
	if soft < time.Second || hard < 3*time.Second {
		t.Errorf("the soft end comes after %v, the hard one after %v", soft, hard)
	}
	if x.lost != 0 {
		t.Errorf("%d of %d packets were lost", x.lost, x.sent)
	}
	if s := x.spis(t); len(s) != 2 || s[0x1004] != 2 || s[0x1005] != 2 {
		t.Errorf("the kernels have these states: %x", s)
	}
	// The kernel has gone before: to remove what has ended is no error.
	for _, p := range []ipsec.SAParams{{Direction: ipsec.Outbound, SPI: 0x1002, Remote: guestSpoke}, {Direction: ipsec.Inbound, SPI: 0x1003}} {
		if err := x.hub.Remove(p.Direction, p.SPI, p.Remote); err != nil {
			t.Errorf("0x%X: %v", p.SPI, err)
		}
	}
}

// TestKernelKilobytes does so by volume: half of it is left at the soft end, and without
// a successor nothing passes behind the hard one.
func TestKernelKilobytes(t *testing.T) {
	t.Parallel()
	const kilobytes, size = 64, 1000
	x := openEnds(t, "volume")
	first := x.pair(t, 1, 0, kilobytes)
	x.until(t, "the soft end", x.soft, 4, size)
	carried, ok := x.hub.SA(ipsec.Outbound, 0x1002, guestSpoke)
	if n := carried.Counters.Bytes; !ok || n < kilobytes*1024/2 || n >= kilobytes*1024 {
		t.Errorf("the soft end comes at %d octets", n)
	}
	x.pair(t, 2, 0, kilobytes)
	x.remove(t, first)
	x.until(t, "the second soft end", x.soft, 4, size)
	if x.lost != 0 {
		t.Errorf("%d of %d packets were lost", x.lost, x.sent)
	}
	if s := x.spis(t); len(s) != 2 || s[0x1004] != 2 {
		t.Errorf("the kernels have these states: %x", s)
	}
	x.lost = 0
	for x.exchange(t, size, guestAnswer) {
		if x.sent > 10*kilobytes {
			t.Fatal("there is no hard end")
		}
	}
	select {
	case sa := <-x.used:
		if sa.SPI != 0x1004 && sa.SPI != 0x1005 {
			t.Errorf("it is told of 0x%X", sa.SPI)
		}
	case <-time.After(guestAnswer):
		t.Error("nobody is told of the hard end")
	}
	if s := x.spis(t); s[0x1004]+s[0x1005] == 4 {
		t.Errorf("the kernels have these states: %x", s)
	}
	if x.exchange(t, size, guestAnswer/8) {
		t.Error("a packet has passed behind the hard end")
	}
}
