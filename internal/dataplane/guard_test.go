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

func TestOnlyLinesWithPortsNeedWholePackets(t *testing.T) {
	plain := ipsec.PolicyEntry{Permit: true}
	port := ipsec.PolicyEntry{Selector: ipsec.Selector{Protocol: 6, LocalPort: ipsec.PortRange{Lo: 80, Hi: 80}}}
	if needsPorts([]ipsec.PolicyEntry{plain}) || !needsPorts([]ipsec.PolicyEntry{plain, port}) {
		t.Error("connection tracking is asked for by other lines")
	}
}
