package dataplane

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
)

// fakeKernel keeps policies as the kernel does: one for a direction and a selector.
type fakeKernel map[policyKey]xfrm.Policy

func (k fakeKernel) PutPolicy(p xfrm.Policy) error {
	k[policyKey{p.Direction, p.Selector}] = p
	return nil
}

func (k fakeKernel) DeletePolicy(p xfrm.Policy) error {
	delete(k, policyKey{p.Direction, p.Selector})
	return nil
}

// ask finds the policy for a packet, as it has its addresses.
func (k fakeKernel) ask(d xfrm.Direction, f ipsec.Flow) (best xfrm.Policy, found bool) {
	port := func(p xfrm.Port, n uint16) bool { return n&p.Mask == p.Value }
	for key, p := range k {
		s := p.Selector
		if key.direction != d || !s.Source.Contains(f.Src) || !s.Destination.Contains(f.Dst) || s.Protocol != 0 && s.Protocol != f.Protocol ||
			!port(s.SourcePort, f.SrcPort) || !port(s.DestinationPort, f.DstPort) {
			continue
		}
		if !found || p.Priority < best.Priority {
			best, found = p, true
		}
	}
	return best, found
}

// drawRange draws addresses of few, which often meet.
func drawRange(t *rapid.T, name string) ipsec.Range {
	lo := rapid.IntRange(0, 15).Draw(t, name)
	hi := rapid.IntRange(lo, 15).Draw(t, name+" end")
	return ipsec.Range{Lo: addressOf(lo), Hi: addressOf(hi)}
}

func addressOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }

func drawPorts(t *rapid.T, name string) ipsec.PortRange {
	if rapid.Bool().Draw(t, name+" any") {
		return ipsec.PortRange{}
	}
	lo := rapid.Uint16Range(1, 20).Draw(t, name)
	return ipsec.PortRange{Lo: lo, Hi: rapid.Uint16Range(lo, 20).Draw(t, name+" end")}
}

func drawSelector(t *rapid.T) ipsec.Selector {
	s := ipsec.Selector{LocalNet: drawRange(t, "local"), RemoteNet: drawRange(t, "remote")}
	if rapid.Bool().Draw(t, "udp") {
		s.Protocol = protoUDP
		s.LocalPort, s.RemotePort = drawPorts(t, "local port"), drawPorts(t, "remote port")
	}
	return s
}

func drawEntries(t *rapid.T) (entries []ipsec.PolicyEntry) {
	for tag := range uint32(rapid.IntRange(1, 3).Draw(t, "entries")) {
		dynamic := rapid.Bool().Draw(t, "dynamic")
		open := dynamic && rapid.Bool().Draw(t, "open")
		for line := range uint32(rapid.IntRange(1, 3).Draw(t, "lines")) {
			e := ipsec.PolicyEntry{Tag: tag + 1, Line: line, Permit: open || rapid.IntRange(0, 2).Draw(t, "permit") > 0, Selector: drawSelector(t)}
			if e.Permit {
				e.Dynamic, e.Open = dynamic, open
			}
			entries = append(entries, e)
		}
	}
	return entries
}

func drawPacket(t *rapid.T) (ipsec.Flow, []byte) {
	f := ipsec.Flow{Src: addressOf(rapid.IntRange(0, 15).Draw(t, "src")), Dst: addressOf(rapid.IntRange(0, 15).Draw(t, "dst")), Protocol: protoUDP,
		SrcPort: rapid.Uint16Range(1, 22).Draw(t, "sport"), DstPort: rapid.Uint16Range(1, 22).Draw(t, "dport")}
	b := make([]byte, 28)
	b[0], b[3], b[8], b[9], b[25] = 0x45, 28, 64, protoUDP, 8
	copy(b[12:], f.Src.AsSlice())
	copy(b[16:], f.Dst.AsSlice())
	binary.BigEndian.PutUint16(b[20:], f.SrcPort)
	binary.BigEndian.PutUint16(b[22:], f.DstPort)
	return f, b
}

// An instance has a number of its own, also when another has gone before it came: by
// that number packets find their state, and the kernel's requests their instance.
func TestInstancesShareNoReqid(t *testing.T) {
	kernel, policies := fakeKernel{}, newKernelPolicies()
	all := ipsec.Selector{LocalNet: everyAddress, RemoteNet: everyAddress}
	places, err := placesOf([]ipsec.PolicyEntry{{Tag: 1, Permit: true, Dynamic: true, Open: true, Selector: all}})
	if err == nil {
		err = policies.set(kernel, places)
	}
	if err != nil {
		t.Fatal(err)
	}
	entry := func(tag uint32) ipsec.PolicyEntry {
		s := all
		s.RemoteNet = ipsec.HostRange(addressOf(int(tag)))
		return ipsec.PolicyEntry{Tag: tag, Permit: true, Selector: s}
	}
	add := func(tag uint32) {
		if err := policies.addInstance(kernel, 1, entry(tag)); err != nil {
			t.Fatal(err)
		}
	}
	add(10)
	add(11)
	if err := policies.removeInstance(kernel, 10); err != nil {
		t.Fatal(err)
	}
	add(12)
	for _, tag := range []uint32{11, 12} {
		p, ok := kernel.ask(xfrm.Out, ipsec.Flow{Src: addressOf(1), Dst: addressOf(int(tag))})
		if !ok {
			t.Fatalf("no policy for instance %d", tag)
		}
		if e, ok := policies.entryOf(p); !ok || e != entry(tag) {
			t.Errorf("the policy of instance %d, with reqid %#x, stands for %+v", tag, p.Template.Reqid, e)
		}
	}
	if len(policies.reqids) != len(policies.tags) || len(policies.reqids) != 2 {
		t.Errorf("%d numbers of %d instances", len(policies.reqids), len(policies.tags))
	}
}

// TestTheKernelJudgesAsUserSpace holds the kernel's policies for a random crypto map
// against what internal/ipsec does with it.
func TestTheKernelJudgesAsUserSpace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		space := ipsec.NewProcessor(zeros{})
		space.SetPolicies(entries)
		kernel, policies := fakeKernel{}, newKernelPolicies()
		set := func(entries []ipsec.PolicyEntry) {
			places, err := placesOf(entries)
			if err != nil {
				t.Fatal(err)
			}
			if err := policies.set(kernel, places); err != nil {
				t.Fatal(err)
			}
		}
		set(drawEntries(t)) // of which nothing may be left
		set(entries)
		for i := range rapid.IntRange(0, 3).Draw(t, "instances") {
			e := ipsec.PolicyEntry{Tag: 100 + uint32(i), Permit: true, Selector: drawSelector(t)}
			template := rapid.Uint32Range(1, 3).Draw(t, "template")
			if space.AddInstance(template, e) != nil {
				continue
			}
			if err := policies.addInstance(kernel, template, e); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "gone again") {
				space.RemoveInstance(e.Tag)
				if err := policies.removeInstance(kernel, e.Tag); err != nil {
					t.Fatal(err)
				}
			}
		}
		flow, packet := drawPacket(t)
		out, back := kernelSays(kernel, &policies, xfrm.Out, flow), kernelSays(kernel, &policies, xfrm.In, flow.Reverse())
		if want := spaceSays(space, packet); out != want || back != want {
			t.Fatalf("%v: the kernel says %s and back %s, user space says %s\n%v", flow, out, back, want, entries)
		}
	})
}

func kernelSays(k fakeKernel, p *kernelPolicies, d xfrm.Direction, f ipsec.Flow) string {
	x, found := k.ask(d, f)
	switch {
	case !found || x.Template.Reqid == 0 && !x.Block:
		return "clear"
	case x.Block:
		return "drop"
	}
	e, _ := p.entryOf(x)
	if p.reqids[e.Tag] != x.Template.Reqid {
		return "another's reqid"
	}
	return fmt.Sprintf("%d/%d", e.Tag, e.Line)
}

func spaceSays(p *ipsec.Processor, packet []byte) string {
	switch r := p.Outbound(nil, packet); r.Action {
	case ipsec.Bypass:
		return "clear"
	case ipsec.Dropped:
		return "drop"
	default:
		return fmt.Sprintf("%d/%d", r.Entry.Tag, r.Entry.Line)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
