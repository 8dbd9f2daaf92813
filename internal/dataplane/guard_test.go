package dataplane

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

func logged(t *testing.T, kind uint16, attrs ...netlink.Attribute) netlink.Message {
	t.Helper()
	body, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_ULOG<<8 | kind)},
		Data:   append([]byte{unix.AF_INET, 0, 0, 0}, body...),
	}
}

func TestLoggedPackets(t *testing.T) {
	packet := make([]byte, 28)
	packet[0], packet[9] = 0x45, 1
	binary.BigEndian.PutUint16(packet[2:], 28)
	copy(packet[12:], []byte{192, 168, 3, 10, 192, 168, 2, 10})
	prefix := netlink.Attribute{Type: nflogPrefix, Data: []byte(logPrefixIn + "\x00")}
	payload := netlink.Attribute{Type: nflogPayload, Data: packet}

	got, raw, ok := parseLogged(logged(t, nflogPacket, prefix, payload))
	if !ok || got != logPrefixIn {
		t.Fatalf("%q, %v", got, ok)
	}
	want := ipsec.Flow{Src: netip.MustParseAddr("192.168.3.10"), Dst: netip.MustParseAddr("192.168.2.10"), Protocol: 1}
	if flow, drop := ipsec.ParseFlow(raw); flow != want || drop != ipsec.DropNone {
		t.Errorf("%+v, %v", flow, drop)
	}
	cut := logged(t, nflogPacket, payload)
	cut.Data = cut.Data[:9]
	for name, m := range map[string]netlink.Message{
		"another message": logged(t, nflogConfig, prefix, payload),
		"no payload":      logged(t, nflogPacket, prefix),
		"empty":           {Header: netlink.Header{Type: unix.NFNL_SUBSYS_ULOG << 8}},
		"cut":             cut,
	} {
		if _, _, ok := parseLogged(m); ok {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestSPIsOfShownPackets(t *testing.T) {
	raw := make([]byte, 32)
	raw[0], raw[9], raw[3] = 0x45, protoESP, 32
	copy(raw[12:], []byte{192, 1, 1, 42, 192, 1, 1, 40})
	binary.BigEndian.PutUint32(raw[20:], 0x1001)
	udp := make([]byte, 40)
	copy(udp, raw[:20])
	udp[9], udp[3] = protoUDP, 40
	binary.BigEndian.PutUint16(udp[20:], 30001)
	binary.BigEndian.PutUint16(udp[22:], 4500)
	binary.BigEndian.PutUint32(udp[28:], 0x2002)
	for _, x := range []struct {
		packet   []byte
		spi      uint32
		from, to string
	}{{raw, 0x1001, "192.1.1.42:0", "192.1.1.40:0"}, {udp, 0x2002, "192.1.1.42:30001", "192.1.1.40:4500"}} {
		spi, from, to, ok := spiOf(x.packet)
		if !ok || spi != x.spi || from.String() != x.from || to.String() != x.to {
			t.Errorf("%x: %x, %v, %v, %v", x.packet, spi, from, to, ok)
		}
		for n := range 24 {
			if _, _, _, ok := spiOf(x.packet[:n]); ok {
				t.Errorf("%d octets have an SPI", n)
			}
		}
	}
}

func TestOnlyLinesWithPortsNeedWholePackets(t *testing.T) {
	plain := ipsec.PolicyEntry{Permit: true}
	port := ipsec.PolicyEntry{Selector: ipsec.Selector{Protocol: 6, LocalPort: ipsec.PortRange{Lo: 80, Hi: 80}}}
	if needsPorts([]ipsec.PolicyEntry{plain}) || !needsPorts([]ipsec.PolicyEntry{plain, port}) {
		t.Error("connection tracking is asked for by other lines")
	}
}
