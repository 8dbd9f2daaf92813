package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// Proxy is one side of a phase 2 identity pair. A subnet has its prefix, a
// range its two ends; Protocol and Port are 0 for any.
type Proxy struct {
	Type     isakmp.IDType
	Lo, Hi   netip.Addr
	Protocol uint8
	Port     uint16
}

// QuickModeBegun is the start of quick mode as initiator.
type QuickModeBegun struct{ Node uint32 }

// QuickModeImmediate says that an ISAKMP SA is there already.
type QuickModeImmediate struct{}

// InitiatorGetsSPI says that our inbound SPI was drawn for a new offer.
type InitiatorGetsSPI struct{ SPI uint32 }

// NodeCreated is a new exchange under a message ID.
type NodeCreated struct{ Node uint32 }

// NodeDeleted is the end of an exchange.
type NodeDeleted struct {
	Node   uint32
	Error  bool
	Reason NodeReason
}

// NodePurged is the end of an exchange's memory.
type NodePurged struct{ Node uint32 }

// NotifyReceived is a NOTIFY payload of the peer.
type NotifyReceived struct {
	Type      isakmp.NotifyType
	Protocol  isakmp.ProtocolID
	SPI       uint32 // 0 when it is not four octets
	MessageID uint32
	Protected bool
}

// NotifySending is a NOTIFY payload of ours.
type NotifySending struct {
	Type      isakmp.NotifyType
	Protocol  isakmp.ProtocolID
	SPI       uint32
	MessageID uint32
}

// DeleteReceived is an authenticated DELETE payload, one event an SPI.
type DeleteReceived struct {
	Protocol isakmp.ProtocolID
	SPI      uint32 // 0 for ISAKMP
	Known    bool
}

// DeleteSending is a DELETE of ours.
type DeleteSending struct {
	Protocol  isakmp.ProtocolID
	SPI       uint32
	MessageID uint32
}

// DPDReceived is R-U-THERE, or its ACK.
type DPDReceived struct {
	Ack      bool
	Sequence uint32
}

// DPDSending is R-U-THERE, or its ACK, of ours.
type DPDSending struct {
	Ack       bool
	Sequence  uint32
	MessageID uint32
}

// DPDUnanswered is one R-U-THERE without an answer.
type DPDUnanswered struct{ Count, Max uint8 }

// PeerDead says that DPD gave the peer up.
type PeerDead struct{}

// IPsecProposalChecked is a phase 2 proposal about to be compared.
type IPsecProposalChecked struct{ Number uint8 }

// IPsecTransformOffered is a phase 2 transform with its attributes in wire form.
type IPsecTransformOffered struct {
	Number     uint8
	Protocol   isakmp.ProtocolID
	ID         isakmp.ESPTransform
	Attributes []byte
}

// IPsecTransformRefused is the attribute that differs from the closest
// transform set.
type IPsecTransformRefused struct {
	Attr            IPsecAttr
	Offered, Wanted uint32
}

// IPsecTransformJudged is the verdict on a phase 2 transform.
type IPsecTransformJudged struct{ Accepted bool }

// IPsecProposalInvalidated is IPsec's refusal of a proposal; Error is IOS's
// number: 32 proxy identities, 64 PFS group, 256 transform.
type IPsecProposalInvalidated struct {
	Error         uint16
	Attr          IPsecAttr
	Local, Remote Proxy // what the peer asked for, from our side
}

// Phase2PolicyRefused says that a quick mode found no acceptable proposal.
type Phase2PolicyRefused struct{}

// ModeFailure is %CRYPTO-6-IKMP_MODE_FAILURE.
type ModeFailure struct{ Exchange isakmp.ExchangeType }

// SPIsRequested is a responder's request for SPIs of IPsec.
type SPIsRequested struct{}

// SPIsReceived is the answer of IPsec to it.
type SPIsReceived struct{ SPI uint32 }

// IPsecSAsCreated is the pair of SAs that a quick mode made.
type IPsecSAsCreated struct {
	InboundSPI, OutboundSPI   uint32
	LocalProxy, RemoteProxy   Proxy
	LifeSeconds, LifeKilobyte uint32 // 0: none agreed
	PFS                       isakmp.Group
	InboundConn, OutboundConn uint32
}

// IPsecSuite is a transform as `debug crypto ipsec` shows it.
type IPsecSuite struct {
	Transform isakmp.ESPTransform
	KeyBits   uint16
	Auth      isakmp.AuthAlgorithm
	Encap     isakmp.Encapsulation
}

// IPsecSARequested is IPsec's request for SAs, with what it will offer.
type IPsecSARequested struct {
	Local, Remote           netip.Addr
	LocalProxy, RemoteProxy Proxy
	Suite                   IPsecSuite
	LifeSeconds, LifeKB     uint32
	SPI                     uint32
}

// IPsecProposalValidating is a peer's proposal given to IPsec.
type IPsecProposalValidating struct {
	Local, Remote           netip.Addr
	LocalProxy, RemoteProxy Proxy
	Suite                   IPsecSuite
}

// KeyEngineEvent is IPsec's key engine waking for a message of IKE.
type KeyEngineEvent struct{ Messages uint8 }

// IPsecSACreated is one SA entering the database.
type IPsecSACreated struct {
	Inbound             bool
	Destination         netip.Addr
	SPI                 uint32
	Suite               IPsecSuite
	Conn                uint32
	LifeSeconds, LifeKB uint32
	Local, Remote       Proxy
}

// IPsecSADeleted is one SA leaving it.
type IPsecSADeleted struct {
	Inbound     bool
	Destination netip.Addr
	SPI         uint32
	Suite       IPsecSuite
	Conn        uint32
	Reason      Reason
}

// IPsecDeleteNotified is a delete of the peer reaching IPsec.
type IPsecDeleteNotified struct{}

// RequestTimerFired is IPsec's request for SAs still without an answer.
type RequestTimerFired struct {
	Count                   uint8
	Local, Remote           netip.Addr
	LocalProxy, RemoteProxy Proxy
}

func (*QuickModeBegun) Code() Code           { return CodeQuickModeBegun }
func (*QuickModeImmediate) Code() Code       { return CodeQuickModeImmediate }
func (*InitiatorGetsSPI) Code() Code         { return CodeInitiatorGetsSPI }
func (*NodeCreated) Code() Code              { return CodeNodeCreated }
func (*NodeDeleted) Code() Code              { return CodeNodeDeleted }
func (*NodePurged) Code() Code               { return CodeNodePurged }
func (*NotifyReceived) Code() Code           { return CodeNotifyReceived }
func (*NotifySending) Code() Code            { return CodeNotifySending }
func (*DeleteReceived) Code() Code           { return CodeDeleteReceived }
func (*DeleteSending) Code() Code            { return CodeDeleteSending }
func (*DPDReceived) Code() Code              { return CodeDPDReceived }
func (*DPDSending) Code() Code               { return CodeDPDSending }
func (*DPDUnanswered) Code() Code            { return CodeDPDUnanswered }
func (*PeerDead) Code() Code                 { return CodePeerDead }
func (*IPsecProposalChecked) Code() Code     { return CodeIPsecProposalChecked }
func (*IPsecTransformOffered) Code() Code    { return CodeIPsecTransformOffered }
func (*IPsecTransformRefused) Code() Code    { return CodeIPsecTransformRefused }
func (*IPsecTransformJudged) Code() Code     { return CodeIPsecTransformJudged }
func (*IPsecProposalInvalidated) Code() Code { return CodeIPsecProposalInvalidated }
func (*Phase2PolicyRefused) Code() Code      { return CodePhase2PolicyRefused }
func (*ModeFailure) Code() Code              { return CodeModeFailure }
func (*SPIsRequested) Code() Code            { return CodeSPIsRequested }
func (*SPIsReceived) Code() Code             { return CodeSPIsReceived }
func (*IPsecSAsCreated) Code() Code          { return CodeIPsecSAsCreated }
func (*IPsecSARequested) Code() Code         { return CodeIPsecSARequested }
func (*IPsecProposalValidating) Code() Code  { return CodeIPsecProposalValidating }
func (*KeyEngineEvent) Code() Code           { return CodeKeyEngineEvent }
func (*IPsecSACreated) Code() Code           { return CodeIPsecSACreated }
func (*IPsecSADeleted) Code() Code           { return CodeIPsecSADeleted }
func (*IPsecDeleteNotified) Code() Code      { return CodeIPsecDeleteNotified }
func (*RequestTimerFired) Code() Code        { return CodeRequestTimerFired }

// proxyNames are the names of a proxy's fields on one side, spelt out so that no
// visit has to join them.
type proxyNames struct{ kind, from, to, protocol, port string }

var (
	localNames       = proxyNames{"local_type", "local_from", "local_to", "local_protocol", "local_port"}
	remoteNames      = proxyNames{"remote_type", "remote_from", "remote_to", "remote_protocol", "remote_port"}
	localProxyNames  = proxyNames{"local_proxy_type", "local_proxy_from", "local_proxy_to", "local_proxy_protocol", "local_proxy_port"}
	remoteProxyNames = proxyNames{"remote_proxy_type", "remote_proxy_from", "remote_proxy_to", "remote_proxy_protocol", "remote_proxy_port"}
)

func (p *Proxy) fields(f *Fields, names *proxyNames) {
	Enum(f, names.kind, &p.Type)
	f.Addr(names.from, &p.Lo)
	f.Addr(names.to, &p.Hi)
	f.U8(names.protocol, &p.Protocol)
	f.U16(names.port, &p.Port)
}

func (s *IPsecSuite) fields(f *Fields) {
	Enum(f, "transform", &s.Transform)
	f.U16("key_bits", &s.KeyBits)
	Enum(f, "authenticator", &s.Auth)
	Enum(f, "encapsulation", &s.Encap)
}

func (e *QuickModeBegun) Fields(f *Fields)   { f.U32("node", &e.Node) }
func (*QuickModeImmediate) Fields(*Fields)   {}
func (e *InitiatorGetsSPI) Fields(f *Fields) { f.U32("spi", &e.SPI) }
func (e *NodeCreated) Fields(f *Fields)      { f.U32("node", &e.Node) }
func (e *NodeDeleted) Fields(f *Fields) {
	f.U32("node", &e.Node)
	f.Bool("error", &e.Error)
	Enum(f, "reason", &e.Reason)
}
func (e *NodePurged) Fields(f *Fields) { f.U32("node", &e.Node) }
func (e *NotifyReceived) Fields(f *Fields) {
	Enum(f, "type", &e.Type)
	Enum(f, "protocol", &e.Protocol)
	f.U32("spi", &e.SPI)
	f.U32("message_id", &e.MessageID)
	f.Bool("protected", &e.Protected)
}
func (e *NotifySending) Fields(f *Fields) {
	Enum(f, "type", &e.Type)
	Enum(f, "protocol", &e.Protocol)
	f.U32("spi", &e.SPI)
	f.U32("message_id", &e.MessageID)
}
func (e *DeleteReceived) Fields(f *Fields) {
	Enum(f, "protocol", &e.Protocol)
	f.U32("spi", &e.SPI)
	f.Bool("known", &e.Known)
}
func (e *DeleteSending) Fields(f *Fields) {
	Enum(f, "protocol", &e.Protocol)
	f.U32("spi", &e.SPI)
	f.U32("message_id", &e.MessageID)
}
func (e *DPDReceived) Fields(f *Fields) {
	f.Bool("ack", &e.Ack)
	f.U32("sequence", &e.Sequence)
}
func (e *DPDSending) Fields(f *Fields) {
	f.Bool("ack", &e.Ack)
	f.U32("sequence", &e.Sequence)
	f.U32("message_id", &e.MessageID)
}
func (e *DPDUnanswered) Fields(f *Fields) {
	f.U8("count", &e.Count)
	f.U8("max", &e.Max)
}
func (*PeerDead) Fields(*Fields)                 {}
func (e *IPsecProposalChecked) Fields(f *Fields) { f.U8("proposal", &e.Number) }
func (e *IPsecTransformOffered) Fields(f *Fields) {
	f.U8("transform", &e.Number)
	Enum(f, "protocol", &e.Protocol)
	Enum(f, "id", &e.ID)
	f.IPsecAttributes("attributes", &e.Attributes)
}
func (e *IPsecTransformRefused) Fields(f *Fields) {
	Enum(f, "attribute", &e.Attr)
	f.U32("offered", &e.Offered)
	f.U32("wanted", &e.Wanted)
}
func (e *IPsecTransformJudged) Fields(f *Fields) { f.Bool("accepted", &e.Accepted) }
func (e *IPsecProposalInvalidated) Fields(f *Fields) {
	f.U16("error", &e.Error)
	Enum(f, "attribute", &e.Attr)
	e.Local.fields(f, &localNames)
	e.Remote.fields(f, &remoteNames)
}
func (*Phase2PolicyRefused) Fields(*Fields) {}
func (e *ModeFailure) Fields(f *Fields)     { Enum(f, "exchange", &e.Exchange) }
func (*SPIsRequested) Fields(*Fields)       {}
func (e *SPIsReceived) Fields(f *Fields)    { f.U32("spi", &e.SPI) }
func (e *IPsecSAsCreated) Fields(f *Fields) {
	f.U32("inbound_spi", &e.InboundSPI)
	f.U32("outbound_spi", &e.OutboundSPI)
	e.LocalProxy.fields(f, &localNames)
	e.RemoteProxy.fields(f, &remoteNames)
	f.U32("life_seconds", &e.LifeSeconds)
	f.U32("life_kilobytes", &e.LifeKilobyte)
	Enum(f, "pfs_group", &e.PFS)
	f.U32("inbound_conn", &e.InboundConn)
	f.U32("outbound_conn", &e.OutboundConn)
}
func (e *IPsecSARequested) Fields(f *Fields) {
	f.Addr("local", &e.Local)
	f.Addr("remote", &e.Remote)
	e.LocalProxy.fields(f, &localProxyNames)
	e.RemoteProxy.fields(f, &remoteProxyNames)
	e.Suite.fields(f)
	f.U32("life_seconds", &e.LifeSeconds)
	f.U32("life_kilobytes", &e.LifeKB)
	f.U32("spi", &e.SPI)
}
func (e *IPsecProposalValidating) Fields(f *Fields) {
	f.Addr("local", &e.Local)
	f.Addr("remote", &e.Remote)
	e.LocalProxy.fields(f, &localProxyNames)
	e.RemoteProxy.fields(f, &remoteProxyNames)
	e.Suite.fields(f)
}
func (e *KeyEngineEvent) Fields(f *Fields) { f.U8("messages", &e.Messages) }
func (e *IPsecSACreated) Fields(f *Fields) {
	f.Bool("inbound", &e.Inbound)
	f.Addr("destination", &e.Destination)
	f.U32("spi", &e.SPI)
	e.Suite.fields(f)
	f.U32("conn", &e.Conn)
	f.U32("life_seconds", &e.LifeSeconds)
	f.U32("life_kilobytes", &e.LifeKB)
	e.Local.fields(f, &localProxyNames)
	e.Remote.fields(f, &remoteProxyNames)
}
func (e *IPsecSADeleted) Fields(f *Fields) {
	f.Bool("inbound", &e.Inbound)
	f.Addr("destination", &e.Destination)
	f.U32("spi", &e.SPI)
	e.Suite.fields(f)
	f.U32("conn", &e.Conn)
	Enum(f, "reason", &e.Reason)
}
func (*IPsecDeleteNotified) Fields(*Fields) {}
func (e *RequestTimerFired) Fields(f *Fields) {
	f.U8("count", &e.Count)
	f.Addr("local", &e.Local)
	f.Addr("remote", &e.Remote)
	e.LocalProxy.fields(f, &localProxyNames)
	e.RemoteProxy.fields(f, &remoteProxyNames)
}
