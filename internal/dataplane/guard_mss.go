package dataplane

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// MSSClamp is `ip tcp adjust-mss`: the largest segment, in octets, that hosts
// may agree on in TCP connections which are forwarded through a device.
type MSSClamp struct {
	Device string // Linux name
	Size   uint16
}

const (
	clampChain      = "adjust-mss"
	tcpFlagsOffset  = 13
	tcpSYN          = 0x02
	tcpRST          = 0x04
	tcpOptionMSS    = 2
	mssValueOffset  = 2 // behind the option's kind and length
	mssValueLength  = 2
	transportTCP    = 6
	tcpFlagsMaskLen = 1
)

// writeClamps lowers the maximum segment size in SYN packets. The kernel never
// raises it.
func (p *guardPlan) writeClamps(clamps []MSSClamp) {
	if len(clamps) == 0 {
		return
	}
	p.hook(clampChain, nftables.ChainHookForward, priorityClamp)
	for _, c := range clamps {
		for _, side := range []expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME} {
			p.rule(clampChain, deviceIs(side, c.Device), protocolIs(transportTCP), isSYN(), setMSS(c.Size))
		}
	}
}

func isSYN() []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: tcpFlagsOffset, Len: tcpFlagsMaskLen},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: tcpFlagsMaskLen, Mask: []byte{tcpSYN | tcpRST}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{tcpSYN}},
	}
}

func setMSS(size uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: register, Data: binary.BigEndian.AppendUint16(nil, size)},
		&expr.Exthdr{SourceRegister: register, Op: expr.ExthdrOpTcpopt, Type: tcpOptionMSS, Offset: mssValueOffset, Len: mssValueLength},
	}
}
