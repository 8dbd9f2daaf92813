package xfrm

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
)

// Sizes of what messages begin with.
const (
	sizeofAcquire = nl.SizeofXfrmId + nl.SizeofXfrmAddress + nl.SizeofXfrmSelector + nl.SizeofXfrmUserpolicyInfo + 4*uint32Length
	// struct xfrm_user_mapping
	sizeofMapping = nl.SizeofXfrmUsersaId + uint32Length + 2*nl.SizeofXfrmAddress + 2*2
)

// each calls f for the attributes behind a head of so many octets.
func each(data []byte, head int, f func(kind uint16, value []byte)) bool {
	if len(data) < head {
		return false
	}
	if len(data) == head {
		return true
	}
	d, err := netlink.NewAttributeDecoder(data[head:])
	if err != nil {
		return false
	}
	for d.Next() {
		f(d.Type(), d.Bytes())
	}
	return d.Err() == nil
}

func readNumber(value []byte) uint32 {
	if len(value) < uint32Length {
		return 0
	}
	return binary.NativeEndian.Uint32(value)
}

// readState reads an answer to XFRM_MSG_GETSA.
func readState(data []byte) (s Status, ok bool) {
	if len(data) < nl.SizeofXfrmUsersaInfo {
		return s, false
	}
	info := nl.DeserializeXfrmUsersaInfo(data)
	s = Status{ID: ID{swap32(info.Id.Spi), address(info.Id.Daddr)}, Source: address(info.Saddr), Reqid: info.Reqid,
		Packets: info.Curlft.Packets, Bytes: info.Curlft.Bytes,
		Late: info.Stats.ReplayWindow, Replayed: info.Stats.Replay, Forged: info.Stats.IntegrityFailed}
	ok = each(data, nl.SizeofXfrmUsersaInfo, func(kind uint16, v []byte) {
		switch {
		case kind == nl.XFRMA_REPLAY_VAL && len(v) >= nl.SizeofXfrmReplayState:
			r := nl.DeserializeXfrmReplayState(v)
			s.Sequence, s.Highest = r.OSeq, r.Seq
		case kind == nl.XFRMA_REPLAY_ESN_VAL && len(v) >= replayESNHeader:
			s.Sequence, s.Highest = readNumber(v[uint32Length:]), readNumber(v[2*uint32Length:])
		case kind == nl.XFRMA_IF_ID:
			s.Interface = readNumber(v)
		}
	})
	return s, ok && info.Id.Proto == protoESP
}

// readPolicy reads an answer to XFRM_MSG_GETPOLICY.
func readPolicy(data []byte) (p Policy, ok bool) {
	if len(data) < nl.SizeofXfrmUserpolicyInfo {
		return p, false
	}
	p = policyOf(nl.DeserializeXfrmUserpolicyInfo(data))
	ok = each(data, nl.SizeofXfrmUserpolicyInfo, p.attribute)
	return p, ok
}

func policyOf(info *nl.XfrmUserpolicyInfo) Policy {
	return Policy{Direction: Direction(info.Dir), Selector: selector(info.Sel), Priority: info.Priority, Block: info.Action == actionBlock}
}

func (p *Policy) attribute(kind uint16, v []byte) {
	switch {
	case kind == nl.XFRMA_IF_ID:
		p.Interface = readNumber(v)
	case kind == nl.XFRMA_TMPL && len(v) >= nl.SizeofXfrmUserTmpl:
		t := nl.DeserializeXfrmUserTmpl(v)
		p.Template = Template{Source: address(t.Saddr), Destination: address(t.XfrmId.Daddr), Mode: Mode(t.Mode), Reqid: t.Reqid}
	}
}

// dispatch tells of a message of the kernel's own. What cannot be read is passed
// over.
func (e Events) dispatch(kind uint16, data []byte) {
	switch nl.XfrmMsgType(kind) {
	case nl.XFRM_MSG_ACQUIRE:
		e.acquire(data)
	case nl.XFRM_MSG_EXPIRE:
		if len(data) < nl.SizeofXfrmUserExpire {
			return
		}
		x := nl.DeserializeXfrmUserExpire(data)
		if x.XfrmUsersaInfo.Id.Proto == protoESP {
			e.Expire(ID{swap32(x.XfrmUsersaInfo.Id.Spi), address(x.XfrmUsersaInfo.Id.Daddr)}, x.XfrmUsersaInfo.Reqid, x.Hard != 0)
		}
	case nl.XFRM_MSG_MAPPING:
		e.mapping(data)
	}
}

// acquire reads struct xfrm_user_acquire.
func (e Events) acquire(data []byte) {
	if len(data) < sizeofAcquire {
		return
	}
	at := nl.SizeofXfrmId + nl.SizeofXfrmAddress
	flow := selector(*nl.DeserializeXfrmSelector(data[at:]))
	p := policyOf(nl.DeserializeXfrmUserpolicyInfo(data[at+nl.SizeofXfrmSelector:]))
	if each(data, sizeofAcquire, p.attribute) {
		e.Acquire(p, flow)
	}
}

// mapping reads struct xfrm_user_mapping: the state, its reqid, its old source,
// the new one, and both ports.
func (e Events) mapping(data []byte) {
	if len(data) < sizeofMapping {
		return
	}
	id := nl.DeserializeXfrmUsersaId(data)
	rest := data[nl.SizeofXfrmUsersaId:]
	reqid := readNumber(rest)
	from := netip.AddrFrom4([4]byte(rest[uint32Length+nl.SizeofXfrmAddress:]))
	port := binary.BigEndian.Uint16(rest[uint32Length+2*nl.SizeofXfrmAddress+2:])
	e.Mapping(ID{swap32(id.Spi), address(id.Daddr)}, reqid, netip.AddrPortFrom(from, port))
}
