//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"qmidle/test/netns"
)

// capture is tcpdump on the bridge between the gateways.
type capture struct {
	*process
	lab  *lab
	file string
}

// The last packet of a capture is a broadcast to the discard port, so that
// nothing that went before it is still on its way to the file.
const (
	lastPort  = 9
	ciscoPort = 10000 // of Cisco's encapsulation of ESP
	lastWord  = "end of the capture"
)

func startCapture(t *testing.T, l *lab) *capture {
	t.Helper()
	return startCaptureOf(t, l, "160")
}

// startCaptureOf keeps so many octets of each packet, all for "0".
func startCaptureOf(t *testing.T, l *lab, snaplen string) *capture {
	t.Helper()
	c := &capture{lab: l, file: filepath.Join(l.dir, "wan.pcap")}
	c.process = start(t, "tcpdump", l.prefix+"-wan", nil,
		"tcpdump", "-i", "br0", "--immediate-mode", "-Z", "root", "-U", "-s", snaplen, "-B", "16384", "-w", c.file)
	eventually(t, "tcpdump", 10*time.Second, func() (bool, string) {
		return strings.Contains(c.output.String(), "listening on"), c.output.String()
	})
	return c
}

// seen is what a capture holds.
type seen struct {
	ike, esp, arp int
	keepalives    int      // of NAT
	large         int      // IKE packets of more than fragmentMTU octets
	clear         []string // what should not have been there
	leaks         []string // likewise, from the network behind the spoke
}

// end stops tcpdump and judges the packets.
func (c *capture) end(t *testing.T) seen {
	t.Helper()
	from := c.lab.hub
	if from == c.lab.behind {
		from = c.lab.spoke
	}
	err := netns.Do(from.ns, func() error {
		conn, err := net.Dial("udp4", fmt.Sprintf("192.1.1.255:%d", lastPort))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte(lastWord))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last packet in the capture", 10*time.Second, func() (bool, string) {
		b, err := os.ReadFile(c.file)
		return bytes.Contains(b, []byte(lastWord)), fmt.Sprint(len(b), " octets ", err)
	})
	if err := c.stop(t, syscall.SIGINT); err != nil {
		t.Errorf("tcpdump: %v", err)
	}
	if !strings.Contains(c.output.String(), "\n0 packets dropped by kernel") {
		t.Errorf("tcpdump has lost packets, so that the capture proves nothing:\n%s", c.output)
	}
	return c.read(t)
}

// read judges the packets so far.
func (c *capture) read(t *testing.T) seen {
	t.Helper()
	f, err := os.Open(c.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	for {
		data, _, err := r.ReadPacketData()
		if err != nil {
			return s
		}
		s.judge(gopacket.NewPacket(data, r.LinkType(), gopacket.Default))
	}
}

var spokeNet = netip.MustParsePrefix("192.168.3.0/24")

// protected are the networks of both sites, and the clients' addresses.
var protected = []netip.Prefix{netip.MustParsePrefix("192.168.2.0/24"), spokeNet, netip.MustParsePrefix("10.55.0.0/24")}

func (s *seen) judge(p gopacket.Packet) {
	if p.Layer(layers.LayerTypeARP) != nil {
		s.arp++
		return
	}
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		s.clear = append(s.clear, "not IPv4: "+p.String())
		return
	}
	for _, a := range []string{ip.SrcIP.String(), ip.DstIP.String()} {
		for _, net := range protected {
			if net.Contains(netip.MustParseAddr(a)) {
				s.inClear(ip)
				return
			}
		}
	}
	udp, isUDP := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	switch {
	case ip.Protocol == layers.IPProtocolESP:
		s.esp++
	case ip.FragOffset > 0 && ip.Protocol == layers.IPProtocolUDP: // counted by its head
	case isUDP && (udp.DstPort == 500 || udp.SrcPort == 500):
		s.countIKE(ip)
	case isUDP && (udp.DstPort == ciscoPort || udp.SrcPort == ciscoPort):
		s.esp++
	case isUDP && udp.DstPort == lastPort && string(udp.Payload) == lastWord:
	case isUDP && (udp.DstPort == 4500 || udp.SrcPort == 4500):
		s.countFloated(ip, udp.Payload)
	default:
		s.inClear(ip)
	}
}

// inClear tells the hub's packets, where qmidle is, from the spoke's, where charon
// is: not all that is in clear is our fault.
func (s *seen) inClear(ip *layers.IPv4) {
	text := fmt.Sprintf("%v to %v, protocol %v", ip.SrcIP, ip.DstIP, ip.Protocol)
	if source, ok := netip.AddrFromSlice(ip.SrcIP.To4()); ok && spokeNet.Contains(source) {
		s.leaks = append(s.leaks, text)
		return
	}
	s.clear = append(s.clear, text)
}

// countFloated tells IKE from ESP on port 4500: RFC 3948 section 2.
func (s *seen) countFloated(ip *layers.IPv4, payload []byte) {
	if len(payload) < 4 {
		s.keepalives++
		return
	}
	if payload[0]|payload[1]|payload[2]|payload[3] == 0 {
		s.countIKE(ip)
		return
	}
	s.esp++
}

func (s *seen) countIKE(ip *layers.IPv4) {
	s.ike++
	if ip.Length > fragmentMTU {
		s.large++
	}
}

// charonsLeaks takes out of the capture what charon let out in clear, which it does
// with single packets while it changes its policies, and our guard drops. It is how
// many.
func (s *seen) charonsLeaks(t *testing.T) int {
	t.Helper()
	n := len(s.leaks)
	t.Logf("charon let %d packets out in clear", n)
	s.leaks = nil
	return n
}

// wantProtected fails for each packet in clear, and when there was less ESP. A
// packet here may be a run of some, which the kernel would cut for a network card.
func (s seen) wantProtected(t *testing.T, least int) {
	t.Helper()
	all := append(s.clear, s.leaks...)
	for i, line := range all {
		if i == 5 {
			t.Errorf("... %d more", len(all)-i)
			break
		}
		t.Errorf("in clear on the wire: %s", line)
	}
	if s.esp < least {
		t.Errorf("%d ESP packets on the wire, want %d at least", s.esp, least)
	}
}
