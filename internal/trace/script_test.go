package trace

import (
	"encoding/binary"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
)

// script builds records as an engine would emit them.
type script struct {
	now     time.Time
	ctx     Context
	records []Record
}

// newScript is a gateway at 192.1.1.40 whose peer 192.1.1.42 has sent its first
// message.
func newScript() *script {
	return &script{
		now: time.Date(2005, time.March, 1, 5, 6, 3, 199e6, time.UTC),
		ctx: Context{
			Local:  netip.MustParseAddrPort("192.1.1.40:500"),
			Remote: netip.MustParseAddrPort("192.1.1.42:500"),
		},
	}
}

// add appends events in the present context, 4 ms after those before.
func (s *script) add(events ...Event) {
	s.now = s.now.Add(4 * time.Millisecond)
	for _, e := range events {
		s.records = append(s.records, Record{Time: s.now, Context: s.ctx, Event: e})
	}
}

// established is a context within the first SA of the first peer.
func (s *script) established(role Role, state ShowState) {
	s.ctx.Peer, s.ctx.SA, s.ctx.Conn, s.ctx.Role, s.ctx.State = 1, 1, 1, role, state
}

func basic(t isakmp.AttributeType, v uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(t)|0x8000)
	return binary.BigEndian.AppendUint16(b, v)
}

func variable(t isakmp.AttributeType, value ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(t))
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// aesSHA is the phase 1 transform of the book's examples.
func aesSHA() []byte {
	return join(
		basic(isakmp.AttrEncryption, uint16(isakmp.EncrAESCBC)),
		basic(isakmp.AttrKeyLength, 128),
		basic(isakmp.AttrHash, uint16(isakmp.HashSHA1)),
		basic(isakmp.AttrGroup, 1),
		basic(isakmp.AttrAuthMethod, uint16(isakmp.AuthPSK)),
		basic(isakmp.AttrLifeType, uint16(isakmp.LifeSeconds)),
		variable(isakmp.AttrLifeDuration, 0, 1, 0x51, 0x80),
	)
}

// espAESSHA is the phase 2 transform of the book's examples.
func espAESSHA() []byte {
	return join(
		basic(isakmp.IPsecAttrEncapsulation, uint16(isakmp.EncapTunnel)),
		basic(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeSeconds)),
		basic(isakmp.IPsecAttrLifeDuration, 3600),
		basic(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeKilobytes)),
		variable(isakmp.IPsecAttrLifeDuration, 0, 0x46, 0x50, 0),
		basic(isakmp.IPsecAttrAuth, uint16(isakmp.AuthAlgHMACSHA1)),
		basic(isakmp.IPsecAttrKeyLength, 128),
	)
}

func subnet(prefix string) Proxy {
	p := netip.MustParsePrefix(prefix)
	hi := p.Addr().As4()
	binary.BigEndian.PutUint32(hi[:], binary.BigEndian.Uint32(hi[:])|^uint32(0)>>p.Bits())
	return Proxy{Type: isakmp.IDIPv4AddrSubnet, Lo: p.Addr(), Hi: netip.AddrFrom4(hi)}
}

var bookPeer = netip.MustParseAddr("192.1.1.42")

func step(source Source, input Input, from, to State) *Transition {
	return &Transition{Source: source, Input: input, From: from, To: to}
}

// Payloads of the book's messages.
const (
	sa    = isakmp.PayloadSA
	ke    = isakmp.PayloadKE
	id    = isakmp.PayloadID
	hash  = isakmp.PayloadHash
	nonce = isakmp.PayloadNonce
	vid   = isakmp.PayloadVendorID
)

func contents(x isakmp.ExchangeType, encrypted bool, length uint16, payloads ...isakmp.PayloadType) Contents {
	c := Contents{Exchange: x, Encrypted: encrypted, Length: length}
	for _, t := range payloads {
		c.Payloads.Add(t)
	}
	return c
}

func mainMode(encrypted bool, length uint16, payloads ...isakmp.PayloadType) Contents {
	return contents(isakmp.ExchangeIdentity, encrypted, length, payloads...)
}

func quickMode(length uint16, payloads ...isakmp.PayloadType) Contents {
	return contents(isakmp.ExchangeQuick, true, length, payloads...)
}

// tunnel is a responder's whole main mode and quick mode, as a book prints
// them. With omitted, it has also the events of the lines that the book omits.
func tunnel(omitted bool) []Record {
	s := newScript()
	extra := func(events ...Event) {
		if omitted {
			s.add(events...)
		}
	}
	natVendors := []Event{
		&VendorIDReceived{isakmp.VendorRFC3947, []byte(isakmp.VIDRFC3947)},
		&VendorIDReceived{isakmp.VendorNATT07, []byte(isakmp.VIDNATT07)},
		&VendorIDReceived{isakmp.VendorNATT03, []byte(isakmp.VIDNATT03)},
		&VendorIDReceived{isakmp.VendorNATT02n, []byte(isakmp.VIDNATT02n)},
	}
	identity := &IDPayload{Next: isakmp.PayloadHash, Type: isakmp.IDIPv4Addr, Protocol: 17, Port: 500, Length: 12, Data: bookPeer.AsSlice()}

	s.add(&PacketReceived{Contents: mainMode(false, 168, sa, vid, vid, vid, vid)}, &PeerCreated{})
	s.ctx.Peer, s.ctx.Role = 1, RoleResponder
	s.add(&PeerLocked{RefIKE, 1, ForProcessBlock})
	s.ctx.SA, s.ctx.State = 1, MMNoState
	s.add(&SAInserted{}, step(FromPeer, InputMMExch, StateReady, StateRMM1), &PayloadProcessed{Payload: isakmp.PayloadSA})
	extra(natVendors...)
	s.add(&KeyLookup{Peer: bookPeer, Found: true}, &LocalKeyFound{}, &ProfilesScanned{},
		&IKETransformOffered{1, 1, aesSHA()}, &IKETransformJudged{Accepted: true})
	s.ctx.Conn = 1
	extra(natVendors...)
	extra(step(Internal, InputProcessMainMode, StateRMM1, StateRMM1), &NATTVendorConstructed{NATTRFC3947})
	s.ctx.State = MMSASetup
	s.add(&PacketSent{Contents: mainMode(false, 108, sa, vid)})
	extra(step(Internal, InputProcessComplete, StateRMM1, StateRMM2))
	s.add(&PacketReceived{Contents: mainMode(false, 308, ke, nonce, vid, vid, vid, isakmp.PayloadNATD, isakmp.PayloadNATD)}, step(FromPeer, InputMMExch, StateRMM2, StateRMM3),
		&PayloadProcessed{Payload: isakmp.PayloadKE}, &PayloadProcessed{Payload: isakmp.PayloadNonce},
		&KeyLookup{Peer: bookPeer, Found: true}, &SKEYIDGenerated{},
		&VendorIDReceived{isakmp.VendorUnity, []byte(isakmp.VIDUnity)},
		&VendorIDReceived{isakmp.VendorDPD, []byte(isakmp.VIDDPD)},
		&IOSVendorIDReceived{[]byte("another IOS box.")})
	extra(&InternalPayload{20}, &InternalPayload{20}, &NATDetected{})
	s.add(step(Internal, InputProcessMainMode, StateRMM3, StateRMM3))
	s.ctx.State = MMKeyExch
	s.add(&PacketSent{Contents: mainMode(false, 308, ke, nonce, vid, vid, vid, isakmp.PayloadNATD, isakmp.PayloadNATD)}, step(Internal, InputProcessComplete, StateRMM3, StateRMM4))
	s.add(&PacketReceived{Contents: mainMode(true, 108, id, hash, isakmp.PayloadNotify)}, step(FromPeer, InputMMExch, StateRMM4, StateRMM5),
		&PayloadProcessed{Payload: isakmp.PayloadID}, identity, &ProfileMatched{},
		&PayloadProcessed{Payload: isakmp.PayloadHash}, &InternalPayload{17},
		&NotifyReceived{Type: isakmp.NotifyInitialContact, Protocol: isakmp.ProtocolISAKMP, Protected: true},
		&AuthStatus{}, &InitialContactReceived{}, &AuthStatus{}, &Authenticated{}, &PeerInserted{}, &DPDEnabled{},
		step(Internal, InputProcessMainMode, StateRMM5, StateRMM5),
		&AuthenticatingAs{isakmp.AuthPSK, isakmp.IDIPv4Addr})
	extra(&IDPayload{Sent: true, Next: isakmp.PayloadHash, Type: isakmp.IDIPv4Addr, Protocol: 17, Port: 500, Length: 12,
		Data: []byte{192, 1, 1, 40}}, &IDPayloadLength{12}, &PacketSent{Contents: mainMode(true, 76, id, hash)})
	s.ctx.State = QMIdle
	s.add(step(Internal, InputProcessComplete, StateRMM5, StateP1Complete),
		step(Internal, InputPhase1Complete, StateP1Complete, StateP1Complete))
	s.quickMode(omitted)
	return s.records
}

func (s *script) quickMode(omitted bool) {
	const node = 482536716
	s.add(&PacketReceived{MessageID: node, Contents: quickMode(172, hash, sa, nonce, id, id)}, &NodeCreated{node},
		&PayloadProcessed{isakmp.PayloadHash, node}, &PayloadProcessed{isakmp.PayloadSA, node},
		&IPsecProposalChecked{1}, &IPsecTransformOffered{1, isakmp.ProtocolESP, isakmp.ESPAES, espAESSHA()},
		&IPsecTransformJudged{true})
	if omitted {
		s.add(&PayloadProcessed{isakmp.PayloadNonce, node}, &PayloadProcessed{isakmp.PayloadID, node},
			&PayloadProcessed{isakmp.PayloadID, node}, &SPIsRequested{},
			&Transition{node, FromPeer, InputQMExch, StateQMReady, StateQMSPIStarve}, &SPIsReceived{0x705B8268})
	}
	s.add(&IPsecSAsCreated{InboundSPI: 0x705B8268, OutboundSPI: 1221163868,
		LocalProxy: subnet("192.168.2.0/24"), RemoteProxy: subnet("192.168.3.0/24"),
		LifeSeconds: 3600, LifeKilobyte: 4608000},
		&PacketSent{MessageID: node, Contents: quickMode(172, hash, sa, nonce, id, id)}, &Transition{node, FromIPsec, InputSPIReply, StateQMSPIStarve, StateQMRQM2},
		&PeerLocked{RefIPsec, 2, ForCreateTransforms}, &PeerUnlocked{RefIPsec, 1, ForCreateTransforms})
	s.add(&PacketReceived{MessageID: node, Contents: quickMode(60, hash)}, &NodeDeleted{Node: node, Reason: NodeQMDone},
		&Transition{node, FromPeer, InputQMExch, StateQMRQM2, StateQMPhase2Complete})
}

// policyMismatch is a responder that refuses every phase 1 transform.
func policyMismatch() []Record {
	s := newScript()
	s.established(RoleResponder, MMNoState)
	s.ctx.Conn = 0
	s.add(&IKETransformOffered{1, 1, aesSHA()},
		&IKETransformRefused{1, 1, IKEAttrHash, uint32(isakmp.HashSHA1), uint32(isakmp.HashMD5)}, &IKETransformJudged{},
		&IKETransformOffered{1, 65535, aesSHA()},
		&IKETransformRefused{1, 65535, IKEAttrEncryption, uint32(isakmp.EncrAESCBC), uint32(isakmp.EncrDESCBC)}, &IKETransformJudged{},
		&Phase1PolicyRefused{}, &ErrorCounted{What: ErrorConstructFail}, &PacketSent{},
		&NotParanoid{}, &SADeleting{ReasonPolicyNotAccepted})
	return s.records
}

// keyMismatch is a responder whose pre-shared key is another than the peer's.
func keyMismatch() []Record {
	s := newScript()
	s.established(RoleResponder, MMNoState)
	s.ctx.Conn = 0
	s.add(&IKETransformJudged{Accepted: true})
	s.ctx.Conn = 1
	s.add(&VendorIDReceived{isakmp.VendorNATT07, []byte(isakmp.VIDNATT07)},
		&VendorIDReceived{isakmp.VendorNATT03, []byte(isakmp.VIDNATT03)},
		&VendorIDReceived{isakmp.VendorNATT02n, []byte(isakmp.VIDNATT02n)},
		step(Internal, InputProcessMainMode, StateRMM1, StateRMM1), &NATTVendorConstructed{NATTDraft07})
	s.ctx.State = MMSASetup
	s.add(&PacketSent{}, step(Internal, InputProcessComplete, StateRMM1, StateRMM2))
	s.add(&PacketReceived{}, step(FromPeer, InputMMExch, StateRMM2, StateRMM3),
		&PayloadProcessed{Payload: isakmp.PayloadKE}, &PayloadProcessed{Payload: isakmp.PayloadNonce},
		&KeyLookup{Peer: bookPeer, Found: true}, &SKEYIDGenerated{})
	s.ctx.State = MMKeyExch
	s.add(&PacketSent{}, step(Internal, InputProcessComplete, StateRMM3, StateRMM4))
	s.add(&PacketReceived{}, &PayloadMalformed{Payload: isakmp.PayloadID, Kind: isakmp.KindReserved, Field: isakmp.FieldReserved, Offset: 29},
		&PacketDropped{Reason: DropMalformed, Exchange: isakmp.ExchangeIdentity, Payload: isakmp.PayloadID, Offset: 29},
		&ErrorCounted{What: ErrorPayloadMalformed, Attempt: 1, Max: 5})
	return s.records
}
