package diagnose

import (
	"net/netip"
	"time"
)

// Kind says what was observed. The list is closed and shared by all sources; a
// reader that has no kind for a line leaves the line out.
type Kind uint8

// Kinds of observations. "Here" is the device whose log or gateway it is.
const (
	KindNone Kind = iota

	// The exchange as it goes.
	MessageSent     // Message of Phase
	MessageReceived // Message of Phase
	Retransmitted   // Message of Phase, sent again for want of an answer
	DuplicateSeen   // the peer sends its last message again: it lacks our answer
	GaveUp          // retransmissions are over
	Phase1Up
	Phase2Up
	QuickFailed // a quick mode ended without SAs
	SADeleted   // with the reason as Detail
	Asked       // traffic asked for the tunnel
	StateSeen   // an ISAKMP SA stood in the state Detail when somebody looked

	// Phase 1 offers.
	OfferRefused     // one transform, by Attr, Offered and Wanted
	OfferAccepted    // a transform was chosen
	AllOffersRefused // no transform fits any policy here
	NoUsablePolicy   // nothing here could be offered
	ExchangeFailed   // a negotiation of Phase failed, and nothing says why

	// Keys and identities.
	KeyFound
	KeyMissing       // no pre-shared key for the peer here
	ProofMissing     // no certificate or private key here for this end's own identity Offered
	Undecryptable    // an encrypted message of phase 1 is garbage after decryption
	HashMismatch     // HASH_I or HASH_R differs
	PeerAuthentic    // the peer has proven itself
	IdentitySeen     // the peer's identity could be read; Offered
	IdentityRefused  // the peer's identity is not the one wanted; Offered, Wanted
	SignatureInvalid // of the peer
	RefusedUnread    // a notify answers our Message before phase 1 is up, and was not read
	NotEncrypted     // a message came in clear that must be encrypted

	// Quick mode.
	ProxyRefused       // the peer's proxy identities fit nothing here
	TransformRefused   // one phase 2 transform, by Attr, Offered and Wanted
	PFSRefused         // the group differs, or is missing
	Phase2OfferRefused // no proposal fits
	WrongLocalAddress  // quick mode is for an address of this end that has no entry: Local

	// Notifies and deletes.
	NotifyReceived // Detail: the RFC's name; Authentic says whether under protection
	NotifySent     // Detail: the RFC's name
	DeleteReceived
	DeleteSent
	DeleteUnsent // an IPsec SA ended, and there was no ISAKMP SA under which to tell the peer

	// Doors that are closed here.
	NotEnabled      // ISAKMP is off, or no crypto map on the interface
	NoConnection    // no configured connection fits the message's addresses
	MapNotApplied   // a crypto map names the peer and is on no interface; Place is the map
	MapIncomplete   // an entry lacks Detail; Place is the entry
	InterfaceDown   // with a crypto map; Place is the interface
	Flooded         // messages come as from no peer; Place what they are, Count of them, Detail whether they still do
	WrongInterface  // the crypto map is on Place, and the peer is reached by Detail
	OtherIKEVersion // IKEv2 came, or is all that is allowed here
	AggressiveMode  // aggressive mode came where main mode is wanted, or the reverse
	AdmissionLimit  // refused by a bound on sessions or memory
	Malformed       // a payload breaks the rules, before encryption or with right keys
	Differs         // a message came again, but not as it was before
	Late            // a message came after this end had given up waiting for it
	WrongAddress    // known cookies from an address that may not use them
	StrayQuickMode  // quick mode from a peer with whom phase 1 is not up

	// The network.
	NameUnknown  // the peer's name, Detail, has no address
	NameKnown    // it has one
	Unreachable  // ICMP or the host says that the peer cannot be reached
	SendRefused  // the local host refuses to send
	NATFound     // Detail: here, peer or both
	PortsFloated // to UDP 4500
	FragmentLost // fragments without the rest, or too big to pass
	TooBig       // Count packets exceed the path's MTU and must not be fragmented

	// Life.
	DPDUnanswered
	DPDAnswered
	PeerDead
	LifetimeEnded
	LifetimeShorter    // the two ends' lives differ; the shorter is used
	InvalidSPI         // ESP for an SA that is not here
	InvalidSPITold     // the peer says that it has no such SA
	NoSAForMessage     // the peer speaks under an ISAKMP SA that is not here
	InitialContactSeen // the peer has begun anew
	OperatorCleared    // by command, here

	// Data.
	ClearTextSeen // what should be encrypted came in clear
	Encapsulated  // Count packets went out
	Decapsulated  // Count packets came in
	DataDropped   // Count packets, Detail is the reason
	ReplaySeen    // Count packets outside the window or twice
	NoRoute       // to Detail
	NoRouteInside // to this side's own network Detail, for what comes out of the tunnel
	RouteAround   // the route to Detail does not lead by the interface with the crypto map, which is Place
	NoMatch       // Count packets pass the interface Place, none matches the access list
	NothingAsked  // no packet has asked for the tunnel yet
	Silent        // Count packets went out since the last one came in, Detail ago
	FlowDown      // an entry without SAs; Count packets could not be sent for want of them
	FlowListed    // an entry for Pair, up or not
	NATBefore     // a NAT here changes, or refuses, what should go into the tunnel
	PingFailed    // no answer came from Detail
	RoutesListed  // Detail is all routes, and there is no default one

	// What is configured here, so far as it is known.
	Configured // an entry with the peer is active; Place is the entry, Pair a line of its list
	PolicyHere // an ISAKMP policy; Place is its name, Detail its suite
	SetHere    // a transform set of an entry; Place is its name, Detail its transforms, Attr the mode
	KeyUnused  // a key is for an address that no entry names: Detail
	Surveyed   // the configuration was read, with Count active entries: what is not Configured is not there
	Started    // nothing from before this is known

	// Remote access and certificates; their readers fill them.
	XauthRejected
	XauthUnanswered
	XauthUnexpected
	GroupMissing
	PoolEmpty
	AAASilent        // no server has answered
	ClientLimited    // Detail is the limit
	ConfigAsked      // this end asks for an address
	ConfigUnanswered // mode config
	ClientIn         // a client has what it came for
	CertificateExpired
	CertificateEarly
	CertificateRevoked
	CRLMissing
	IssuerUnknown
	CertificateRefused   // for a reason that is not known
	CertificateOfAnother // it does not have the identity Offered, but the names Wanted
	CertificateWeak      // its signature or its key
	CertificateUnfit     // its purpose, or what else it is to be
	CertificateUntrusted // its chain does not hold
	CertificateMissing   // this end has none to show for a method, Offered
	CertificateShown     // this end shows one of subject Offered and issuer Wanted, at fault itself where there is a Detail
	CertificateAsked     // the peer asks for one of the authority Wanted
	EnrolmentFailed

	// What is no IKE.
	OverlayDown
	PlatformLimit
	SupportMissing
	Quirk    // something legal that one end cannot cope with: Detail
	Harmless // Detail says why

	// What only a capture, or keys given beside one, can tell.
	NATTMissing  // there is a NAT, and NAT-T is not used; Detail says by whose fault
	KeyProved    // the key given as Place is the one that the peer's hash is made with
	KeyDisproved // none of Count keys given is
	QuickOffer   // an offer of phase 2, by Local; Detail is its suite

	// Encrypted nonces.
	NonceRead        // the peer's was encrypted for the key of this end
	NonceUnreadable  // it was not
	PublicKeyMissing // no public key is known of the peer

	numKinds
)

// What two ends may differ in.
const (
	AttrEncryption = "encryption"
	AttrKeyLength  = "key length"
	AttrHash       = "hash"
	AttrGroup      = "group"
	AttrAuth       = "authentication"
	AttrProtocol   = "protocol"
	AttrTransform  = "transform"
	AttrIntegrity  = "authenticator"
	AttrMode       = "encapsulation"
	AttrProxy      = "proxy identities"
	AttrUnknown    = "unknown"
	AttrGroupName  = "group name" // a client's, which it calls in aggressive mode
)

// Phase is where in the life of a tunnel something belongs.
type Phase uint8

// Phases.
const (
	PhaseNone Phase = iota
	Phase1
	PhaseConfig // XAUTH and mode configuration
	Phase2
	PhaseData // ESP
	PhaseLife // renewal, liveness, deletes
)

var phaseNames = [...]string{"", "phase 1", "configuration", "phase 2", "data", "life of the SA"}

// String is the phase in a sentence; "" for none.
func (p Phase) String() string { return phaseNames[p] }

// Role is the part that the end under observation plays in phase 1.
type Role uint8

// Roles.
const (
	RoleUnknown Role = iota
	Initiator
	Responder
)

// Observation is one thing that one end saw.
type Observation struct {
	Kind       Kind
	Peer       netip.Addr // the other end; invalid when the source does not say
	Name       string     // of the peer or its connection, where the source has no address for it
	Local      netip.Addr // likewise
	Time       time.Time  // zero when the source does not say
	Session    uint64     // one attempt at phase 1; 0 when the source does not say
	Cookie     string     // the initiator's, of the ISAKMP SA, in hexadecimal digits; "" when the source does not say
	Role       Role
	Phase      Phase
	Aggressive bool // phase 1 is aggressive mode
	// Message is its number in main or aggressive mode (from 1) or quick mode
	// (from 1); 0 when it does not matter or is not known.
	Message   int
	Attr      string // what was compared: one of the Attr constants
	Offered   string // by the peer, in IOS's words: "aes 256", "sha", "14"
	Wanted    string // here
	Pair      string // the proxy identities that it is about, this side's first; "" when not known
	Place     string // where in the configuration here: "crypto map VPN 10"
	Detail    string
	Count     uint64
	Authentic bool // came under keys that both ends have
	Standing  bool // is so at present; else it happened
	// OnPath says that it was captured between two ends: both directions were seen,
	// and Local is the end that was left waiting. A Case is then of both.
	OnPath   bool
	Evidence Evidence
}

// Evidence is what an observation stands on, to be quoted.
type Evidence struct {
	Source string // a file's name; "" for a gateway's own recorder
	Line   int    // from 1; 0 for an event
	Log    bool   // it is a line of a log, which may lack what came before
	Time   time.Time
	Times  int // how often the same was seen, 0 for once
	Text   string
}
