package dataplane

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// Priorities of the guard's chains. Defragmentation is at -400, translation of
// destinations at -100 and of sources at 100. What leaves is looked at before
// and after translation: the policy may select it by either address.
const (
	priorityArrive          = -310
	priorityLeave           = -310
	priorityLeaveTranslated = 110
	priorityClamp           = -150
)

// What the guard drops is also shown to the daemon, not faster than this.
const (
	guardLogGroup  = 1701
	guardLogRate   = 10 // packets in a second
	guardLogBurst  = 20
	logPrefixIn    = "qmidle in"
	logPrefixOut   = "qmidle out"
	verdictIn      = "refuse-in"
	verdictOut     = "refuse-out"
	register       = 1
	offsetFragment = 6
	offsetSource   = 12
	offsetDest     = 16
	lengthAddress  = 4
	lengthPort     = 2
)

// guardPlan is the table in the making. The chains in the order in which the
// packet meets them:
//
//	arrive (prerouting): ESP to this host: accept, unless the kernel does it; from the
//	    TUN device and from this host: accept; with the kernel's ESP, what came by it:
//	    accept, what is to come by it is shown, as showSPIs has it, and accepted; IKE to
//	    this host: accept; then in-TAG for each crypto map entry
//	leave (postrouting, before and after NAT): the gateway's own ESP and IKE, by
//	    their mark: accept; into the TUN device and to this
//	    host: accept; with the kernel's ESP, what leaves by it: accept; then
//	    out-TAG for each crypto map entry
//
// The gateway's own ESP comes first in each, for there is most of it: what stands
// before it costs every packet.
//
//	in-TAG, out-TAG: the lines of an entry; permit goes to the refusal, deny
//	    returns, and the next entry is asked. Of an open line they are rules for
//	    each group of its instances, with a set peers-N-LENGTH of their networks
//	refuse-in, refuse-out: count, show to the daemon within a rate, drop
type guardPlan struct {
	nft    *nftables.Conn
	table  *nftables.Table
	device string
	kernel bool
	errs   []error
}

func (p *guardPlan) write(entries []ipsec.PolicyEntry, groups []*group, count GuardCounters) {
	p.nft.AddTable(p.table)
	p.refusal(verdictIn, counterIn, logPrefixIn, count.In)
	p.refusal(verdictOut, counterOut, logPrefixOut, count.Out)
	var tags []uint32
	for i, e := range entries {
		if i == 0 || entries[i-1].Tag != e.Tag {
			tags = append(tags, e.Tag)
			p.chain(lineChain(verdictIn, e.Tag))
			p.chain(lineChain(verdictOut, e.Tag))
		}
		if !e.Open { // else its instances, as they come
			p.line(verdictIn, e)
			p.line(verdictOut, e)
		}
	}
	p.arrive(tags, needsPorts(entries) || slices.ContainsFunc(groups, (*group).hasPorts))
	p.leave("leave", priorityLeave, tags)
	p.leave("leave-translated", priorityLeaveTranslated, tags)
}

// needsPorts says whether a line cannot judge the later fragments of a packet.
func needsPorts(entries []ipsec.PolicyEntry) bool {
	for _, e := range entries {
		if e.Selector.HasPorts() {
			return true
		}
	}
	return false
}

func lineChain(verdict string, tag uint32) string {
	return fmt.Sprintf("%s-%d", map[string]string{verdictIn: "in", verdictOut: "out"}[verdict], tag)
}

func (p *guardPlan) chain(name string) *nftables.Chain {
	return p.nft.AddChain(&nftables.Chain{Table: p.table, Name: name})
}

func (p *guardPlan) hook(name string, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	accept := nftables.ChainPolicyAccept
	return p.nft.AddChain(&nftables.Chain{Table: p.table, Name: name, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: &priority, Policy: &accept})
}

func (p *guardPlan) rule(chain string, exprs ...[]expr.Any) { p.markedRule(chain, nil, exprs...) }

// markedRule adds a rule with a mark that does nothing.
func (p *guardPlan) markedRule(chain string, mark []byte, exprs ...[]expr.Any) {
	p.nft.AddRule(&nftables.Rule{Table: p.table, Chain: &nftables.Chain{Table: p.table, Name: chain}, Exprs: slices.Concat(exprs...), UserData: mark})
}

func (p *guardPlan) refusal(chain, counter, prefix string, packets uint64) {
	p.chain(chain)
	p.nft.AddObj(&nftables.CounterObj{Table: p.table, Name: counter, Packets: packets})
	p.rule(chain, []expr.Any{&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: counter}})
	p.rule(chain, []expr.Any{
		&expr.Limit{Type: expr.LimitTypePkts, Rate: guardLogRate, Burst: guardLogBurst, Unit: expr.LimitTimeSecond},
		&expr.Log{Key: 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_PREFIX, Group: guardLogGroup, Data: []byte(prefix)},
	})
	p.rule(chain, verdict(expr.VerdictDrop, ""))
}

func (p *guardPlan) arrive(tags []uint32, wholePackets bool) {
	p.hook("arrive", nftables.ChainHookPrerouting, priorityArrive)
	acceptESP := func() { p.rule("arrive", protocolIs(protoESP), toThisHost(), verdict(expr.VerdictAccept, "")) }
	if !p.kernel {
		acceptESP()
	}
	p.rule("arrive", notIPv4(), verdict(expr.VerdictAccept, ""))
	for _, device := range []string{"lo", p.device} {
		p.rule("arrive", deviceIs(expr.MetaKeyIIFNAME, device), verdict(expr.VerdictAccept, ""))
	}
	if p.kernel {
		p.rule("arrive", cameByESP(), verdict(expr.VerdictAccept, ""))
		p.errs = append(p.errs, p.showSPIs("arrive"))
		acceptESP()
	}
	for _, port := range []uint16{isakmp.PortIKE, isakmp.PortNATT} {
		p.rule("arrive", protocolIs(protoUDP), portsWithin(lengthPort, ipsec.PortRange{Lo: port, Hi: port}), toThisHost(),
			verdict(expr.VerdictAccept, ""))
	}
	if wholePackets {
		p.defragment("arrive")
	}
	for _, tag := range tags {
		p.rule("arrive", verdict(expr.VerdictJump, lineChain(verdictIn, tag)))
	}
}

// defragment makes the kernel join fragments before anybody looks at them, so
// that routing rules and lines with ports see the ports. A mention of
// connection tracking is what asks for it; the rule itself does nothing.
func (p *guardPlan) defragment(chain string) {
	p.rule(chain, []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: register}})
}

func (p *guardPlan) leave(name string, priority nftables.ChainPriority, tags []uint32) {
	p.hook(name, nftables.ChainHookPostrouting, priority)
	for _, protocol := range []uint8{protoESP, protoUDP} {
		p.rule(name, markIs(Mark), protocolIs(protocol), verdict(expr.VerdictAccept, ""))
	}
	p.rule(name, notIPv4(), verdict(expr.VerdictAccept, ""))
	for _, device := range []string{"lo", p.device} {
		p.rule(name, deviceIs(expr.MetaKeyOIFNAME, device), verdict(expr.VerdictAccept, ""))
	}
	if p.kernel {
		p.rule(name, leavesByESP(), verdict(expr.VerdictAccept, ""))
	}
	for _, tag := range tags {
		p.rule(name, verdict(expr.VerdictJump, lineChain(verdictOut, tag)))
	}
}

// line adds the rules of an ACL line in one direction.
func (p *guardPlan) line(refuse string, e ipsec.PolicyEntry) {
	s := e.Selector
	src, dst, sport, dport := s.LocalNet, s.RemoteNet, s.LocalPort, s.RemotePort
	if refuse == verdictIn {
		src, dst, sport, dport = dst, src, dport, sport
	}
	chain := lineChain(refuse, e.Tag)
	match := append(addressWithin(offsetSource, src), addressWithin(offsetDest, dst)...)
	if s.Protocol != 0 {
		match = append(match, protocolIs(s.Protocol)...)
	}
	ports := append(portsWithin(0, sport), portsWithin(lengthPort, dport)...)
	if !e.Permit {
		p.rule(chain, match, ports, verdict(expr.VerdictReturn, ""))
		return
	}
	p.rule(chain, match, ports, verdict(expr.VerdictGoto, refuse))
	if s.HasPorts() {
		// A fragment that came past the defragmentation: what is doubtful does
		// not pass in clear.
		p.rule(chain, match, laterFragment(), verdict(expr.VerdictGoto, refuse))
	}
}

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

func notIPv4() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: []byte{unix.NFPROTO_IPV4}}}
}

func deviceIs(key expr.MetaKey, name string) []expr.Any {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return []expr.Any{&expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: padded}}
}

func protocolIs(protocol uint8) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{protocol}}}
}

// cameByESP is `meta secpath exists`: the kernel has opened the packet, and its
// policies judge whether by the right SA.
func cameByESP() []expr.Any {
	return []expr.Any{&expr.Meta{Key: metaSecpath, Register: register}, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{1}}}
}

// leavesByESP is `rt ipsec exists`: the kernel is going to seal the packet.
func leavesByESP() []expr.Any {
	return []expr.Any{&expr.Rt{Key: rtIPsec, Register: register}, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{1}}}
}

// Numbers of linux/netfilter/nf_tables.h: NFT_META_SECPATH and NFT_RT_XFRM.
const metaSecpath expr.MetaKey = 25

const rtIPsec expr.RtKey = unix.NFT_RT_TCPMSS + 1

func markIs(mark uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: binaryutil.NativeEndian.PutUint32(mark)}}
}

func toThisHost() []expr.Any {
	return []expr.Any{&expr.Fib{Register: register, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)}}
}

// addressWithin compares the address at an offset of the IPv4 header.
func addressWithin(offset uint32, r ipsec.Range) []expr.Any {
	if r == ipsec.RangeOf(netip.MustParsePrefix("0.0.0.0/0")) {
		return nil
	}
	load := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: lengthAddress}
	return within(load, r.Lo.AsSlice(), r.Hi.AsSlice())
}

// portsWithin compares the source port, at offset 0, or the destination port,
// behind it. A later fragment has none and does not match.
func portsWithin(offset uint32, r ipsec.PortRange) []expr.Any {
	if r.Any() {
		return nil
	}
	load := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: lengthPort}
	return within(load, binary.BigEndian.AppendUint16(nil, r.Lo), binary.BigEndian.AppendUint16(nil, r.Hi))
}

func within(load expr.Any, lo, hi []byte) []expr.Any {
	if string(lo) == string(hi) {
		return []expr.Any{load, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: lo}}
	}
	return []expr.Any{load, &expr.Range{Op: expr.CmpOpEq, Register: register, FromData: lo, ToData: hi}}
}

func laterFragment() []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offsetFragment, Len: 2},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 2, Mask: []byte{0x1f, 0xff}, Xor: []byte{0, 0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: []byte{0, 0}},
	}
}
