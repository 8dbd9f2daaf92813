package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// PacketReceived is a message that reached an SA, or opened one. What the peer
// says is in it: nothing of it is proven yet.
type PacketReceived struct {
	MessageID uint32
	Contents
}

// PacketSent is a message given to the network. Again says that it was sent
// before: its contents are those of the first time, and not told again.
type PacketSent struct {
	MessageID uint32
	Again     bool
	Contents
}

// PacketDropped is a datagram that was not used.
type PacketDropped struct {
	Reason   Drop
	Exchange isakmp.ExchangeType
	Payload  isakmp.PayloadType // the payload at fault, if one is
	Offset   uint16             // octets from the datagram's start, if known
}

// PeerCreated is a new peer structure.
type PeerCreated struct{}

// PeerLocked is one more reference to a peer structure.
type PeerLocked struct {
	Kind  RefKind
	Count uint16 // after
	For   RefUser
}

// PeerUnlocked is one reference fewer.
type PeerUnlocked struct {
	Kind  RefKind
	Count uint16 // after
	For   RefUser
}

// PeerDeleted is the end of a peer structure.
type PeerDeleted struct{}

// SAInserted is a new ISAKMP SA. Duplicate says that another with the same
// peer exists.
type SAInserted struct{ Duplicate bool }

// SAPurged is the end of an ISAKMP SA's memory, a while after its deletion.
type SAPurged struct{}

// Transition is one step of the state machine. Node is the message ID of a
// quick mode, 0 for phase 1.
type Transition struct {
	Node     uint32
	Source   Source
	Input    Input
	From, To State
}

// PayloadProcessed is a payload that is being worked on.
type PayloadProcessed struct {
	Payload   isakmp.PayloadType
	MessageID uint32
}

// PayloadMalformed is a payload that does not parse, or a header whose length is
// not the datagram's.
type PayloadMalformed struct {
	Payload   isakmp.PayloadType // none: the header
	Kind      isakmp.ErrorKind
	Field     isakmp.Field
	Offset    uint16 // octets from the datagram's start
	Got, Want uint32 // what Kind counts
}

// InternalPayload is IOS's line `received payload type N`; the numbers are its
// own: 17 before phase 1 notifies, 20 before NAT-D.
type InternalPayload struct{ Number uint8 }

// VendorIDReceived is one vendor ID of the peer.
type VendorIDReceived struct {
	ID    isakmp.VendorID
	Bytes []byte
}

// IOSVendorIDReceived is a vendor ID by which the peer is taken for an IOS
// router; it stands in the place of VendorIDReceived.
type IOSVendorIDReceived struct{ Bytes []byte }

// NATTVendorConstructed is a NAT-T vendor ID that goes into our message.
type NATTVendorConstructed struct{ Version NATTVersion }

// NATDetected is the verdict of the NAT-D payloads.
type NATDetected struct{ LocalBehindNAT, RemoteBehindNAT bool }

// PortsFloated is the move to UDP 4500, or to another port of the peer.
type PortsFloated struct{ LocalPort, RemotePort uint16 }

// KeyLookup is the search for a pre-shared key. Keyring is where it was found,
// "" for the keys of no keyring.
type KeyLookup struct {
	Peer    netip.Addr
	Found   bool
	Keyring string
}

// LocalKeyFound says that pre-shared key authentication is possible.
type LocalKeyFound struct{}

// ProfilesScanned is the search of profiles for XAUTH: the names of those that
// are there, a blank between two.
type ProfilesScanned struct{ Profiles string }

// IKETransformOffered is one phase 1 transform about to be compared with one
// policy. Attributes are the data attributes as received, in wire form.
type IKETransformOffered struct {
	Number     uint8
	Priority   uint16
	Attributes []byte
}

// IKETransformRefused is the first attribute that differs.
type IKETransformRefused struct {
	Number          uint8
	Priority        uint16
	Attr            IKEAttr
	Offered, Wanted uint32
}

// IKETransformJudged is the verdict on a transform against a policy. Next is
// the transform payload's next payload field: 3 when more follow, else 0.
type IKETransformJudged struct {
	Accepted bool
	Next     uint8
}

// Phase1PolicyRefused says that no transform matches any policy.
// DefaultWouldMatch says that the built-in policy 65535 would have, were it
// enabled.
type Phase1PolicyRefused struct{ DefaultWouldMatch bool }

// ErrorCounted is an increment of an SA's error counter. Node is the message ID
// of what was retransmitted, 0 in phase 1.
type ErrorCounted struct {
	What    ErrorCount
	Attempt uint8
	Max     uint8
	Node    uint32
}

// SKEYIDGenerated says that the SKEYID family exists.
type SKEYIDGenerated struct{}

// IDPayload is a phase 1 identity, ours (Sent) or the peer's. Length is that
// of the payload.
type IDPayload struct {
	Sent     bool
	Next     isakmp.PayloadType
	Type     isakmp.IDType
	Protocol uint8
	Port     uint16
	Length   uint16
	Data     []byte
}

// IDPayloadLength is IOS's `Total payload length`.
type IDPayloadLength struct{ Length uint16 }

// ProfileMatched is the ISAKMP profile that the identity matched; empty: none.
type ProfileMatched struct{ Name string }

// AuthStatus is `SA authentication status: authenticated`.
type AuthStatus struct{}

// Authenticated says that the peer has proven its identity.
type Authenticated struct{}

// AuthenticationFailed says that HASH_I or HASH_R differs.
type AuthenticationFailed struct{ Method isakmp.AuthMethod }

// InitialContactSent says that INITIAL-CONTACT goes into our message.
type InitialContactSent struct{}

// InitialContactReceived is INITIAL-CONTACT acted upon, after authentication.
type InitialContactReceived struct{ Removed uint16 }

// PeerInserted is the authenticated peer entering the tree of peers.
type PeerInserted struct{}

// DPDEnabled says that both ends do dead peer detection.
type DPDEnabled struct{}

// AuthenticatingAs is our own method and identity type.
type AuthenticatingAs struct {
	Method isakmp.AuthMethod
	ID     isakmp.IDType
}

// AggressiveNotPossible says that the initiator takes main mode.
type AggressiveNotPossible struct{}

// MainModeBegun is the start of main mode as initiator.
type MainModeBegun struct{}

// SADeleting is the end of an ISAKMP SA.
type SADeleting struct{ Reason Reason }

// NotParanoid is IOS's `peer does not do paranoid keepalives.`
type NotParanoid struct{}

// Retransmitting is one more transmission of the last message. Node is 0 in
// phase 1.
type Retransmitting struct {
	Node    uint32
	Attempt uint8
	Max     uint8
}

// DuplicateReceived is a retransmission of the peer; the last reply goes again.
type DuplicateReceived struct{ Node uint32 }

// RetransmissionSkipped is a message that is not sent again, since it went a
// moment ago.
type RetransmissionSkipped struct{ Node, Milliseconds uint32 }

// RequestAttached is a request of IPsec that waits for a phase 1 under way.
type RequestAttached struct{}

// RequestFailed is a request of IPsec that cannot begin.
type RequestFailed struct{ Reason Reason }

// CryptoOperation is one piece of work of the crypto engine. Conn is the number
// of the engine's connection, where the operation has one.
type CryptoOperation struct {
	Op   CryptoOp
	Conn uint32
}

// ISAKMPOnOff says that the first crypto map became active, or the last ended.
type ISAKMPOnOff struct{ On bool }

func (*PacketReceived) Code() Code         { return CodePacketReceived }
func (*PacketSent) Code() Code             { return CodePacketSent }
func (*PacketDropped) Code() Code          { return CodePacketDropped }
func (*PeerCreated) Code() Code            { return CodePeerCreated }
func (*PeerLocked) Code() Code             { return CodePeerLocked }
func (*PeerUnlocked) Code() Code           { return CodePeerUnlocked }
func (*PeerDeleted) Code() Code            { return CodePeerDeleted }
func (*SAInserted) Code() Code             { return CodeSAInserted }
func (*SAPurged) Code() Code               { return CodeSAPurged }
func (*Transition) Code() Code             { return CodeTransition }
func (*PayloadProcessed) Code() Code       { return CodePayloadProcessed }
func (*PayloadMalformed) Code() Code       { return CodePayloadMalformed }
func (*InternalPayload) Code() Code        { return CodeInternalPayload }
func (*VendorIDReceived) Code() Code       { return CodeVendorIDReceived }
func (*IOSVendorIDReceived) Code() Code    { return CodeIOSVendorIDReceived }
func (*CryptoOperation) Code() Code        { return CodeCryptoOperation }
func (*NATTVendorConstructed) Code() Code  { return CodeNATTVendorConstructed }
func (*NATDetected) Code() Code            { return CodeNATDetected }
func (*PortsFloated) Code() Code           { return CodePortsFloated }
func (*KeyLookup) Code() Code              { return CodeKeyLookup }
func (*LocalKeyFound) Code() Code          { return CodeLocalKeyFound }
func (*ProfilesScanned) Code() Code        { return CodeProfilesScanned }
func (*IKETransformOffered) Code() Code    { return CodeIKETransformOffered }
func (*IKETransformRefused) Code() Code    { return CodeIKETransformRefused }
func (*IKETransformJudged) Code() Code     { return CodeIKETransformJudged }
func (*Phase1PolicyRefused) Code() Code    { return CodePhase1PolicyRefused }
func (*ErrorCounted) Code() Code           { return CodeErrorCounted }
func (*SKEYIDGenerated) Code() Code        { return CodeSKEYIDGenerated }
func (*IDPayload) Code() Code              { return CodeIDPayload }
func (*IDPayloadLength) Code() Code        { return CodeIDPayloadLength }
func (*ProfileMatched) Code() Code         { return CodeProfileMatched }
func (*AuthStatus) Code() Code             { return CodeAuthStatus }
func (*Authenticated) Code() Code          { return CodeAuthenticated }
func (*AuthenticationFailed) Code() Code   { return CodeAuthenticationFailed }
func (*InitialContactSent) Code() Code     { return CodeInitialContactSent }
func (*InitialContactReceived) Code() Code { return CodeInitialContactReceived }
func (*PeerInserted) Code() Code           { return CodePeerInserted }
func (*DPDEnabled) Code() Code             { return CodeDPDEnabled }
func (*AuthenticatingAs) Code() Code       { return CodeAuthenticatingAs }
func (*AggressiveNotPossible) Code() Code  { return CodeAggressiveNotPossible }
func (*MainModeBegun) Code() Code          { return CodeMainModeBegun }
func (*SADeleting) Code() Code             { return CodeSADeleting }
func (*NotParanoid) Code() Code            { return CodeNotParanoid }
func (*Retransmitting) Code() Code         { return CodeRetransmitting }
func (*DuplicateReceived) Code() Code      { return CodeDuplicateReceived }
func (*RetransmissionSkipped) Code() Code  { return CodeRetransmissionSkipped }
func (*RequestAttached) Code() Code        { return CodeRequestAttached }
func (*RequestFailed) Code() Code          { return CodeRequestFailed }
func (*ISAKMPOnOff) Code() Code            { return CodeISAKMPOnOff }

func (e *PacketReceived) Fields(f *Fields) {
	f.U32("message_id", &e.MessageID)
	e.fields(f)
}
func (e *PacketSent) Fields(f *Fields) {
	f.U32("message_id", &e.MessageID)
	f.Bool("again", &e.Again)
	e.fields(f)
}
func (e *PacketDropped) Fields(f *Fields) {
	Enum(f, "reason", &e.Reason)
	Enum(f, "exchange", &e.Exchange)
	Enum(f, "payload", &e.Payload)
	f.U16("offset", &e.Offset)
}
func (*PeerCreated) Fields(*Fields) {}
func (e *PeerLocked) Fields(f *Fields) {
	Enum(f, "holder", &e.Kind)
	f.U16("count", &e.Count)
	Enum(f, "for", &e.For)
}
func (e *PeerUnlocked) Fields(f *Fields) {
	Enum(f, "holder", &e.Kind)
	f.U16("count", &e.Count)
	Enum(f, "for", &e.For)
}
func (*PeerDeleted) Fields(*Fields)    {}
func (e *SAInserted) Fields(f *Fields) { f.Bool("duplicate", &e.Duplicate) }
func (*SAPurged) Fields(*Fields)       {}
func (e *Transition) Fields(f *Fields) {
	f.U32("node", &e.Node)
	Enum(f, "source", &e.Source)
	Enum(f, "input", &e.Input)
	Enum(f, "from", &e.From)
	Enum(f, "to", &e.To)
}
func (e *PayloadProcessed) Fields(f *Fields) {
	Enum(f, "payload", &e.Payload)
	f.U32("message_id", &e.MessageID)
}
func (e *PayloadMalformed) Fields(f *Fields) {
	Enum(f, "payload", &e.Payload)
	Enum(f, "error", &e.Kind)
	Enum(f, "field", &e.Field)
	f.U16("offset", &e.Offset)
	f.U32("got", &e.Got)
	f.U32("want", &e.Want)
}
func (e *InternalPayload) Fields(f *Fields) { f.U8("number", &e.Number) }
func (e *VendorIDReceived) Fields(f *Fields) {
	Enum(f, "vendor", &e.ID)
	f.vendorID("bytes", e.ID, &e.Bytes)
}
func (e *IOSVendorIDReceived) Fields(f *Fields) { f.Bytes("bytes", &e.Bytes) }
func (e *CryptoOperation) Fields(f *Fields) {
	Enum(f, "operation", &e.Op)
	f.U32("conn", &e.Conn)
}
func (e *NATTVendorConstructed) Fields(f *Fields) { Enum(f, "version", &e.Version) }
func (e *NATDetected) Fields(f *Fields) {
	f.Bool("local_behind_nat", &e.LocalBehindNAT)
	f.Bool("remote_behind_nat", &e.RemoteBehindNAT)
}
func (e *PortsFloated) Fields(f *Fields) {
	f.U16("local_port", &e.LocalPort)
	f.U16("remote_port", &e.RemotePort)
}
func (e *KeyLookup) Fields(f *Fields) {
	f.Addr("peer", &e.Peer)
	f.Bool("found", &e.Found)
	f.Str("keyring", &e.Keyring)
}
func (*LocalKeyFound) Fields(*Fields)       {}
func (e *ProfilesScanned) Fields(f *Fields) { f.Str("profiles", &e.Profiles) }
func (e *IKETransformOffered) Fields(f *Fields) {
	f.U8("transform", &e.Number)
	f.U16("priority", &e.Priority)
	f.IKEAttributes("attributes", &e.Attributes)
}
func (e *IKETransformRefused) Fields(f *Fields) {
	f.U8("transform", &e.Number)
	f.U16("priority", &e.Priority)
	Enum(f, "attribute", &e.Attr)
	f.U32("offered", &e.Offered)
	f.U32("wanted", &e.Wanted)
}
func (e *IKETransformJudged) Fields(f *Fields) {
	f.Bool("accepted", &e.Accepted)
	f.U8("next_payload", &e.Next)
}
func (e *Phase1PolicyRefused) Fields(f *Fields) {
	f.Bool("default_would_match", &e.DefaultWouldMatch)
}
func (e *ErrorCounted) Fields(f *Fields) {
	Enum(f, "what", &e.What)
	f.U8("attempt", &e.Attempt)
	f.U8("max", &e.Max)
	f.U32("node", &e.Node)
}
func (*SKEYIDGenerated) Fields(*Fields) {}
func (e *IDPayload) Fields(f *Fields) {
	f.Bool("sent", &e.Sent)
	Enum(f, "next_payload", &e.Next)
	Enum(f, "type", &e.Type)
	f.U8("protocol", &e.Protocol)
	f.U16("port", &e.Port)
	f.U16("length", &e.Length)
	f.Bytes("data", &e.Data)
}
func (e *IDPayloadLength) Fields(f *Fields)      { f.U16("length", &e.Length) }
func (e *ProfileMatched) Fields(f *Fields)       { f.Str("name", &e.Name) }
func (*AuthStatus) Fields(*Fields)               {}
func (*Authenticated) Fields(*Fields)            {}
func (e *AuthenticationFailed) Fields(f *Fields) { Enum(f, "method", &e.Method) }
func (*InitialContactSent) Fields(*Fields)       {}
func (e *InitialContactReceived) Fields(f *Fields) {
	f.U16("removed", &e.Removed)
}
func (*PeerInserted) Fields(*Fields) {}
func (*DPDEnabled) Fields(*Fields)   {}
func (e *AuthenticatingAs) Fields(f *Fields) {
	Enum(f, "method", &e.Method)
	Enum(f, "id_type", &e.ID)
}
func (*AggressiveNotPossible) Fields(*Fields) {}
func (*MainModeBegun) Fields(*Fields)         {}
func (e *SADeleting) Fields(f *Fields)        { Enum(f, "reason", &e.Reason) }
func (*NotParanoid) Fields(*Fields)           {}
func (e *Retransmitting) Fields(f *Fields) {
	f.U32("node", &e.Node)
	f.U8("attempt", &e.Attempt)
	f.U8("max", &e.Max)
}
func (e *DuplicateReceived) Fields(f *Fields) { f.U32("node", &e.Node) }

// Fields implements Event.
func (e *RetransmissionSkipped) Fields(f *Fields) {
	f.U32("node", &e.Node)
	f.U32("milliseconds", &e.Milliseconds)
}
func (*RequestAttached) Fields(*Fields)   {}
func (e *RequestFailed) Fields(f *Fields) { Enum(f, "reason", &e.Reason) }
func (e *ISAKMPOnOff) Fields(f *Fields)   { f.Bool("on", &e.On) }
