package xfrm

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Numbers of linux/xfrm.h and linux/udp.h that package nl lacks.
const (
	protoESP        = 50
	encapESPInUDP   = 2 // UDP_ENCAP_ESPINUDP
	flagNoPMTUDisc  = 4 // XFRM_STATE_NOPMTUDISC
	actionAllow     = 0
	actionBlock     = 1
	wordBits        = 32
	replayESNHeader = nl.SizeofXfrmReplayStateEsn
	bitsPerOctet    = 8
	algorithmName   = 64
	allAlgorithms   = ^uint32(0)
	uint32Length    = 4
	leastSPI        = 256 // RFC 4303 section 2.1
)

func swap16(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
func swap32(n uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, n))
}

func wireAddress(a netip.Addr) (x nl.XfrmAddress) {
	if a.Is4() {
		b := a.As4()
		copy(x[:], b[:])
	}
	return x
}

func address(x nl.XfrmAddress) netip.Addr { return netip.AddrFrom4([4]byte(x[:4])) }

func wireSelector(s Selector) (x nl.XfrmSelector) {
	if !s.Source.IsValid() {
		return x
	}
	return nl.XfrmSelector{Family: unix.AF_INET, Proto: s.Protocol,
		Saddr: wireAddress(s.Source.Addr()), PrefixlenS: uint8(s.Source.Bits()),
		Daddr: wireAddress(s.Destination.Addr()), PrefixlenD: uint8(s.Destination.Bits()),
		Sport: swap16(s.SourcePort.Value), SportMask: swap16(s.SourcePort.Mask),
		Dport: swap16(s.DestinationPort.Value), DportMask: swap16(s.DestinationPort.Mask)}
}

func selector(x nl.XfrmSelector) Selector {
	return Selector{
		Source:          netip.PrefixFrom(address(x.Saddr), int(x.PrefixlenS)),
		Destination:     netip.PrefixFrom(address(x.Daddr), int(x.PrefixlenD)),
		Protocol:        x.Proto,
		SourcePort:      Port{swap16(x.Sport), swap16(x.SportMask)},
		DestinationPort: Port{swap16(x.Dport), swap16(x.DportMask)},
	}
}

func wireLimits(l Limits) nl.XfrmLifetimeCfg {
	limit := func(n uint64) uint64 {
		if n == 0 {
			return nl.XFRM_INF
		}
		return n
	}
	return nl.XfrmLifetimeCfg{SoftByteLimit: limit(l.SoftBytes), HardByteLimit: limit(l.HardBytes),
		SoftPacketLimit: limit(l.SoftPackets), HardPacketLimit: limit(l.HardPackets),
		SoftAddExpiresSeconds: l.SoftSeconds, HardAddExpiresSeconds: l.HardSeconds}
}

func wireID(id ID) nl.XfrmUsersaId {
	return nl.XfrmUsersaId{Daddr: wireAddress(id.Destination), Spi: swap32(id.SPI), Family: unix.AF_INET, Proto: protoESP}
}

// attributes joins those that are there.
func attributes(head []byte, list ...netlink.Attribute) ([]byte, error) {
	var there []netlink.Attribute
	for _, a := range list {
		if a.Data != nil {
			there = append(there, a)
		}
	}
	body, err := netlink.MarshalAttributes(there)
	return append(head, body...), err
}

func number(kind uint16, n uint32) netlink.Attribute {
	if n == 0 {
		return netlink.Attribute{}
	}
	return netlink.Attribute{Type: kind, Data: binary.NativeEndian.AppendUint32(nil, n)}
}

// stateMessage is the body of XFRM_MSG_NEWSA.
func stateMessage(s State) ([]byte, error) {
	info := nl.XfrmUsersaInfo{Sel: wireSelector(s.Selector), Saddr: wireAddress(s.Source), Lft: wireLimits(s.Limits),
		Id:    nl.XfrmId{Daddr: wireAddress(s.Destination), Spi: swap32(s.SPI), Proto: protoESP},
		Reqid: s.Reqid, Family: unix.AF_INET, Mode: uint8(s.Mode)}
	if s.FragmentAfter {
		info.Flags |= flagNoPMTUDisc
	}
	return attributes(info.Serialize(), cipherAttribute(s.Cipher), integrityAttribute(s.Integrity), aeadAttribute(s.AEAD),
		encapsulation(s.Encapsulation), replayAttribute(s.ReplayWindow), number(nl.XFRMA_SET_MARK, s.Mark), number(nl.XFRMA_IF_ID, s.Interface))
}

func algorithm(a Algorithm, bits ...uint32) []byte {
	key := a.Key.Reveal()
	b := make([]byte, algorithmName, algorithmName+2*uint32Length+len(key))
	copy(b, a.Name)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(key)*bitsPerOctet))
	for _, n := range bits {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return append(b, key...)
}

func cipherAttribute(a Algorithm) netlink.Attribute {
	if a.Name == "" {
		return netlink.Attribute{}
	}
	return netlink.Attribute{Type: nl.XFRMA_ALG_CRYPT, Data: algorithm(a)}
}

func integrityAttribute(a Algorithm) netlink.Attribute {
	if a.Name == "" {
		return netlink.Attribute{}
	}
	return netlink.Attribute{Type: nl.XFRMA_ALG_AUTH_TRUNC, Data: algorithm(a, a.Bits)}
}

func aeadAttribute(a Algorithm) netlink.Attribute {
	if a.Name == "" {
		return netlink.Attribute{}
	}
	return netlink.Attribute{Type: nl.XFRMA_ALG_AEAD, Data: algorithm(a, a.Bits)}
}

func encapsulation(e Encapsulation) netlink.Attribute {
	if e == (Encapsulation{}) {
		return netlink.Attribute{}
	}
	x := nl.XfrmEncapTmpl{EncapType: encapESPInUDP, EncapSport: swap16(e.Source), EncapDport: swap16(e.Destination)}
	return netlink.Attribute{Type: nl.XFRMA_ENCAP, Data: x.Serialize()}
}

// replayAttribute has the window as a bitmap of its size: the kernel's older
// form ends at 32 packets. Sequence numbers stay those of 32 bits.
func replayAttribute(window uint32) netlink.Attribute {
	if window == 0 {
		return netlink.Attribute{}
	}
	words := (window + wordBits - 1) / wordBits
	x := nl.XfrmReplayStateEsn{BmpLen: words, ReplayWindow: window}
	return netlink.Attribute{Type: nl.XFRMA_REPLAY_ESN_VAL, Data: append(x.Serialize(), make([]byte, words*uint32Length)...)}
}

// policyMessage is the body of XFRM_MSG_UPDPOLICY.
func policyMessage(p Policy) ([]byte, error) {
	info := nl.XfrmUserpolicyInfo{Sel: wireSelector(p.Selector), Lft: wireLimits(Limits{}), Priority: p.Priority, Dir: uint8(p.Direction)}
	if p.Block {
		info.Action = actionBlock
	}
	var template netlink.Attribute
	if t := p.Template; t.Reqid != 0 {
		x := nl.XfrmUserTmpl{XfrmId: nl.XfrmId{Daddr: wireAddress(t.Destination), Proto: protoESP}, Family: unix.AF_INET,
			Saddr: wireAddress(t.Source), Reqid: t.Reqid, Mode: uint8(t.Mode), Aalgos: allAlgorithms, Ealgos: allAlgorithms, Calgos: allAlgorithms}
		template = netlink.Attribute{Type: nl.XFRMA_TMPL, Data: x.Serialize()}
	}
	return attributes(info.Serialize(), template, number(nl.XFRMA_IF_ID, p.Interface))
}

// policyID is the body of XFRM_MSG_DELPOLICY.
func policyID(p Policy) ([]byte, error) {
	x := nl.XfrmUserpolicyId{Sel: wireSelector(p.Selector), Dir: uint8(p.Direction)}
	return attributes(x.Serialize(), number(nl.XFRMA_IF_ID, p.Interface))
}

// Exemption is the value of socket option IP_XFRM_POLICY with which no policy is asked
// for the socket's packets in this direction.
func Exemption(d Direction) []byte {
	info := nl.XfrmUserpolicyInfo{Sel: nl.XfrmSelector{Family: unix.AF_INET}, Dir: uint8(d), Action: actionAllow}
	return info.Serialize()
}
