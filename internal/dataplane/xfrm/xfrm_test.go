package xfrm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink/nl"

	"qmidle/internal/secret"
)

var (
	here  = netip.MustParseAddr("192.1.1.40")
	there = netip.MustParseAddr("192.1.1.42")
	lan   = Selector{Source: netip.MustParsePrefix("192.168.2.0/24"), Destination: netip.MustParsePrefix("192.168.3.0/24"), Protocol: 17,
		SourcePort: Port{500, 0xffff}, DestinationPort: Port{4096, 0xf000}}
	equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})}
)

func TestPoliciesAreReadAsTheyWereWritten(t *testing.T) {
	for _, want := range []Policy{
		{Direction: Out, Selector: lan, Interface: 77, Priority: 0x17000001, Template: Template{here, there, Tunnel, 0x17010001}},
		{Direction: Forward, Selector: lan, Priority: 5, Block: true},
	} {
		b, err := policyMessage(want)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := readPolicy(b)
		if !ok {
			t.Fatalf("%+v is not read", want)
		}
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Error(diff)
		}
	}
}

func TestStatesAreReadWithoutKeys(t *testing.T) {
	key := secret.FromString("a key of 16 byte")
	b, err := stateMessage(State{ID: ID{0x1001, there}, Source: here, Mode: Tunnel, Reqid: 7, Interface: 77, Selector: lan, ReplayWindow: 100,
		Cipher: Algorithm{Name: "cbc(aes)", Key: key}, Integrity: Algorithm{Name: "hmac(sha1)", Key: key, Bits: 96}})
	if err != nil || strings.Count(string(b), "a key of 16 byte") != 2 {
		t.Fatalf("%v, %q", err, b)
	}
	got, ok := readState(b)
	want := Status{ID: ID{0x1001, there}, Source: here, Reqid: 7, Interface: 77}
	if diff := cmp.Diff(want, got, equal); !ok || diff != "" {
		t.Error(ok, diff)
	}
	if s := fmt.Sprintf("%+v", State{Cipher: Algorithm{Key: key}}); strings.Contains(s, "a key") {
		t.Errorf("a state prints %s", s)
	}
}

// recorded notes what it is told.
type recorded struct{ all []string }

func (r *recorded) events() Events {
	note := func(format string, args ...any) { r.all = append(r.all, fmt.Sprintf(format, args...)) }
	return Events{
		Acquire: func(p Policy, flow Selector) {
			note("acquire %v>%v priority %d reqid %d", flow.Source, flow.Destination, p.Priority, p.Template.Reqid)
		},
		Expire:  func(id ID, reqid uint32, hard bool) { note("expire %x %v %d %v", id.SPI, id.Destination, reqid, hard) },
		Mapping: func(id ID, reqid uint32, from netip.AddrPort) { note("mapping %x %d %v", id.SPI, reqid, from) },
	}
}

func TestWhatTheKernelTells(t *testing.T) {
	flow := nl.XfrmSelector{Saddr: wireAddress(here), PrefixlenS: 32, Daddr: wireAddress(there), PrefixlenD: 32}
	policy, err := policyMessage(Policy{Priority: 9, Selector: lan, Template: Template{here, there, Tunnel, 7}})
	if err != nil {
		t.Fatal(err)
	}
	info, template := policy[:nl.SizeofXfrmUserpolicyInfo], policy[nl.SizeofXfrmUserpolicyInfo:]
	acquire := append(make([]byte, nl.SizeofXfrmId+nl.SizeofXfrmAddress), flow.Serialize()...)
	acquire = append(append(append(acquire, info...), make([]byte, 4*uint32Length)...), template...)

	expire := nl.XfrmUserExpire{Hard: 1}
	expire.XfrmUsersaInfo.Id = nl.XfrmId{Daddr: wireAddress(there), Spi: swap32(0x1001), Proto: protoESP}
	expire.XfrmUsersaInfo.Reqid = 7

	id := wireID(ID{0x2002, here})
	mapping := binary.NativeEndian.AppendUint32(append([]byte(nil), id.Serialize()...), 7)
	old, now := wireAddress(there), wireAddress(there)
	mapping = append(append(mapping, old[:]...), now[:]...)
	mapping = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(mapping, 4500), 30001)

	var r recorded
	for _, m := range []struct {
		kind nl.XfrmMsgType
		data []byte
	}{{nl.XFRM_MSG_ACQUIRE, acquire}, {nl.XFRM_MSG_EXPIRE, expire.Serialize()}, {nl.XFRM_MSG_MAPPING, mapping}} {
		r.events().dispatch(uint16(m.kind), m.data)
		for n := range m.data {
			var cut recorded
			cut.events().dispatch(uint16(m.kind), m.data[:n])
			if len(cut.all) > 0 && m.kind != nl.XFRM_MSG_ACQUIRE {
				t.Errorf("%d of %d octets of message %#x are taken", n, len(m.data), m.kind)
			}
		}
	}
	want := []string{"acquire 192.1.1.40/32>192.1.1.42/32 priority 9 reqid 7", "expire 1001 192.1.1.42 7 true", "mapping 2002 7 192.1.1.42:30001"}
	if diff := cmp.Diff(want, r.all); diff != "" {
		t.Error(diff)
	}
}
