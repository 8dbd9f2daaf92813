package diagnose

// Cause is a label of the closed list of causes: stable, the same in JSON and in
// the documentation. A label names what was wrong, not which message was
// printed.
type Cause string

// The causes.
const (
	Phase1PolicyMismatch    Cause = "phase1-policy-mismatch"
	Phase2TransformMismatch Cause = "phase2-transform-mismatch"
	PFSMismatch             Cause = "pfs-mismatch"
	ProxyIdentityMismatch   Cause = "proxy-identity-mismatch"
	PSKMismatch             Cause = "psk-mismatch"
	NoPSKForPeer            Cause = "no-psk-for-peer"
	PublicKeyMismatch       Cause = "public-key-mismatch"
	IdentityMismatch        Cause = "identity-mismatch"
	AggressiveVsMain        Cause = "aggressive-vs-main-mismatch"
	IKEVersionMismatch      Cause = "ikev1-vs-ikev2-mismatch"
	ConnectionNotMatched    Cause = "connection-not-matched"
	CryptoMapNotApplied     Cause = "crypto-map-not-applied"
	NoInterestingTraffic    Cause = "no-interesting-traffic"
	ACLOrNATExemption       Cause = "acl-or-nat-exemption-missing"
	RoutingMissing          Cause = "routing-missing"
	ESPBlocked              Cause = "esp-blocked-one-way"
	PeerUnreachable         Cause = "peer-unreachable-or-udp500-blocked"
	NATT4500Blocked         Cause = "natt-udp4500-blocked"
	LocalFirewall           Cause = "local-firewall-or-nat-state"
	OverlayMisconfig        Cause = "overlay-nhrp-misconfig"
	StaleSA                 Cause = "stale-sa-or-invalid-spi"
	DPDTimeout              Cause = "dpd-timeout"
	LifetimeMismatch        Cause = "lifetime-mismatch"
	FragmentationMTU        Cause = "fragmentation-mtu"
	ReplayErrors            Cause = "replay-errors"
	DuplicateRetransmit     Cause = "duplicate-or-retransmit"
	XauthFailed             Cause = "xauth-failed"
	XauthNotExpected        Cause = "xauth-not-expected-by-peer"
	GroupUnknown            Cause = "group-unknown"
	PoolExhausted           Cause = "ip-pool-exhausted"
	CertExpired             Cause = "cert-expired"
	CertNotYetValid         Cause = "cert-not-yet-valid-clock"
	CertRevoked             Cause = "cert-revoked"
	CRLUnreachable          Cause = "crl-unreachable"
	CAUnknown               Cause = "ca-unknown"
	SCEPFailed              Cause = "scep-enrolment-failed"
	MalformedOrCorrupt      Cause = "malformed-or-corrupt"
	PeerQuirk               Cause = "peer-implementation-quirk"
	HardwareOrMemory        Cause = "hardware-or-memory"
	Flood                   Cause = "flood"
	OSSupportMissing        Cause = "os-support-missing"
	NoFault                 Cause = "no-fault"
	Other                   Cause = "other"
)

// meanings are the labels with what each names, in the order of the
// documentation.
var meanings = []struct {
	Cause   Cause
	Meaning string
}{
	{Phase1PolicyMismatch, "no common proposal for phase 1: cipher, key length, hash, group or authentication"},
	{PSKMismatch, "both ends have a pre-shared key for the other, and the keys differ"},
	{NoPSKForPeer, "one end has no pre-shared key for the other's address"},
	{PublicKeyMismatch, "with encrypted nonces, an end has a wrong RSA public key of the other, or none"},
	{IdentityMismatch, "the identity that one end presents is not the one that the other wants"},
	{AggressiveVsMain, "one end wants aggressive mode, the other main mode"},
	{IKEVersionMismatch, "the ends speak or allow different versions of IKE"},
	{ConnectionNotMatched, "a message arrives, and no configured connection is for that pair of addresses"},
	{CryptoMapNotApplied, "nothing is active at one end: no crypto map on the interface, an incomplete entry, the interface down, ISAKMP off"},
	{Phase2TransformMismatch, "no common transform for phase 2, or tunnel against transport mode"},
	{PFSMismatch, "perfect forward secrecy at one end only, or with another group"},
	{ProxyIdentityMismatch, "the crypto access lists do not mirror each other: networks, protocols or ports"},
	{NoInterestingTraffic, "nothing is wrong: no packet has asked for the tunnel yet"},
	{ACLOrNATExemption, "the traffic never matches the crypto access list, or a NAT changes it first"},
	{RoutingMissing, "a route to the far network, back from it, or to the peer is missing or leads elsewhere"},
	{PeerUnreachable, "no answer to a message of phase 1: the peer is not there, or something drops UDP 500"},
	{NATT4500Blocked, "a NAT was found, and something drops UDP 4500"},
	{ESPBlocked, "IKE passes, and ESP is dropped on the way"},
	{FragmentationMTU, "large packets or fragments are lost on the way"},
	{LocalFirewall, "this host's own filter, NAT or state stops it"},
	{DPDTimeout, "dead peer detection gave the peer up"},
	{StaleSA, "one end uses an SA that the other has lost: a restart, a clear"},
	{LifetimeMismatch, "the lifetimes differ; the shorter one is used, which is harmless"},
	{ReplayErrors, "packets come twice, or too late for the replay window"},
	{DuplicateRetransmit, "messages come twice, which is harmless"},
	{MalformedOrCorrupt, "a message breaks the protocol, or was altered on its way"},
	{PeerQuirk, "the peer cannot cope with something legal"},
	{HardwareOrMemory, "a bound on sessions, memory or hardware"},
	{Flood, "more first messages come than peers can be sending, or more of no SA: an attack, or a peer gone wild"},
	{OSSupportMissing, "the system lacks what IPsec needs"},
	{OverlayMisconfig, "IPsec is healthy, and the tunnel above it is not"},
	{XauthFailed, "the user's authentication fails"},
	{XauthNotExpected, "one end asks for a user, and the other does not expect that"},
	{GroupUnknown, "there is no such group"},
	{PoolExhausted, "no address is left for the client"},
	{CertExpired, "a certificate has expired"},
	{CertNotYetValid, "a certificate is not valid yet, or a clock is wrong"},
	{CertRevoked, "a certificate was revoked"},
	{CRLUnreachable, "no list of revoked certificates could be had"},
	{CAUnknown, "a certificate leads to no authority that is trusted"},
	{SCEPFailed, "the enrolment for a certificate failed"},
	{NoFault, "what was seen is harmless"},
	{Other, "none of these"},
}
