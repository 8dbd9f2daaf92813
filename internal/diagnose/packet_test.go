package diagnose

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
)

// The tracer decides as the data plane does, whatever the crypto access lists.
func TestTracerAgreesWithThePolicyDatabase(t *testing.T) {
	addr := func(t *rapid.T, name string) netip.Addr {
		return netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 7).Draw(t, name))})
	}
	rapid.Check(t, func(t *rapid.T) {
		cfg, ds := config.Load("test", []byte("interface Ethernet0/0\n ip address 10.9.9.1 255.255.255.0\n crypto map M\ncrypto map M 10 ipsec-isakmp\ncrypto isakmp policy 1\n authentication pre-share\n"))
		if err := ds.Err(); err != nil {
			t.Fatal(err)
		}
		s := &Scene{Situation: Situation{Config: cfg}, Hops: make(map[netip.Addr]Hop)}
		var entries []ipsec.PolicyEntry
		for tag := range uint32(rapid.IntRange(1, 3).Draw(t, "entries")) {
			c := &ike.Connection{Tag: tag + 1, Map: "M", Seq: int(tag) + 1, Interface: "Ethernet0/0"}
			for line := range rapid.IntRange(0, 4).Draw(t, "lines") {
				half := func(name string) policy.Proxy {
					p := netip.PrefixFrom(addr(t, name), rapid.IntRange(29, 32).Draw(t, "bits"))
					return policy.ProxyFromPrefix(p, uint8(rapid.SampledFrom([]int{0, 6, 17}).Draw(t, "protocol")), 0)
				}
				a := policy.ACLEntry{Permit: rapid.Bool().Draw(t, "permit"), Local: half("local"), Remote: half("remote")}
				a.Remote.Protocol = a.Local.Protocol
				if a.Local.Protocol != 0 && rapid.Bool().Draw(t, "port") {
					a.Remote.Port = uint16(rapid.IntRange(1, 2).Draw(t, "number"))
				}
				c.ACL = append(c.ACL, a)
				entries = append(entries, ipsec.PolicyEntry{Tag: c.Tag, Line: uint32(line), Permit: a.Permit, Selector: a.Selector()})
			}
			s.Connections = append(s.Connections, c)
		}
		p := Packet{From: addr(t, "from"), To: addr(t, "to"), Protocol: rapid.SampledFrom([]uint8{1, 6, 17}).Draw(t, "sent"), Port: uint16(rapid.IntRange(1, 2).Draw(t, "to port"))}
		for p.From == p.To { // such a one does not leave its host
			p.To = addr(t, "to")
		}
		s.Hops[p.To] = Hop{Interface: "Ethernet0/0"}
		flow := ipsec.Flow{Src: p.From, Dst: p.To, Protocol: p.Protocol, DstPort: p.Port}
		want, selected := ipsec.NewSPD(entries).Lookup(flow)
		w := s.Trace(p)
		if selected != (w.End == EndDropped) { // protected: no peer could be asked
			t.Fatalf("selected %v, and\n%s", selected, w.Text())
		}
		if selected {
			last := ""
			for _, x := range w.Steps {
				if x.Name == "access list" {
					last = x.Text
				}
			}
			if head := fmt.Sprintf("crypto map M %d: line %d matches", want.Tag, want.Line+1); len(last) < len(head) || last[:len(head)] != head {
				t.Fatalf("want %q:\n%s", head, w.Text())
			}
		}
	})
}
