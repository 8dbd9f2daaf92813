package ike

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// Config is all that an engine knows from outside. It is not changed while the
// engine runs.
type Config struct {
	// Policies are compared in this order: by priority, best first.
	Policies []policy.IKE
	// DefaultPolicy accepts policy.Default after all others.
	DefaultPolicy bool
	Connections   []*Connection
	// Profiles are matched by the peers' identities.
	Profiles []*Profile
	// Keys finds pre-shared keys.
	Keys KeyStore
	// Trustpoints prove peers and us, by certificates, the preferred first.
	Trustpoints []*Trustpoint
	// NonceKeys are the keys of encrypted nonces; nil for none.
	NonceKeys *NonceKeys
	// Identity is what we present in phase 1; zero is our address. A distinguished
	// name without data is that of our certificate.
	Identity policy.Identity
	// NoAggressive refuses aggressive mode.
	NoAggressive bool
	// Aggressive are the peers, by address, with which we begin in aggressive mode.
	Aggressive map[netip.Addr]*Aggressive
	// Groups are the keys of groups of clients, by the group's name. Aggressive mode
	// takes a key ID for one.
	Groups map[string]secret.Secret
	// NATT are the NAT traversal versions that we speak, best first.
	NATT []trace.NATTVersion
	// NATKeepalive is the interval of keepalives when we are behind a NAT; 0
	// sends none (RFC 3948 section 4).
	NATKeepalive time.Duration
	// Keepalive configures dead peer detection; nil only answers.
	Keepalive *Keepalive
	// Fragmentation allows Cisco's fragments of IKE messages; nil neither sends
	// nor takes them.
	Fragmentation *Fragmentation
	// InvalidSPIRecovery opens a main mode with a connection's peer that sends
	// ESP for an SA which is not there.
	InvalidSPIRecovery bool
	// RetransmitInterval and RetransmitTries; 0 is IOS's 10 s and 5.
	RetransmitInterval time.Duration
	RetransmitTries    int
	// MaxSAs is how many ISAKMP SAs may be up before negotiations with others than
	// their peers are refused; 0 for any number.
	MaxSAs int
	// MaxHalfOpen bounds the responder's SAs whose peer has not yet come back
	// from its address with our cookie; 0 is DefaultMaxHalfOpen.
	MaxHalfOpen int
	// MaxUnproven bounds those whose peer has come back and is not authenticated
	// yet; 0 is DefaultMaxUnproven.
	MaxUnproven int

	// AAATimeout is how long the answer to an Ask may take; 0 is DefaultAAATimeout.
	AAATimeout time.Duration
	// XAuthTimeout is how long a user may take to answer XAUTH; 0 is
	// DefaultXAuthTimeout.
	XAuthTimeout time.Duration

	// JudgeTimeout is how long the answer to a JudgePeer may take; 0 is
	// DefaultJudgeTimeout.
	JudgeTimeout time.Duration

	// UDPPorts are ours on which Cisco's encapsulation of ESP can come.
	UDPPorts []uint16
	// Application is what we tell clients of ourselves; "" for nothing.
	Application string

	// Rand feeds cookies, nonces, SPIs, message IDs and exponents.
	Rand io.Reader
	// Events takes every event; nil for none.
	Events trace.Sink
	// Traffic tells DPD when an SA last carried packets; nil for never.
	Traffic Traffic
	// Cookies is told which cookies of ours there are; nil for nobody.
	Cookies Cookies
	// SettleTime lies between an initiator's message 3 of quick mode and its
	// outbound SA at least; 0 for none. It is more with the greatest groups of PFS,
	// and where message 2 took longer. A responder may install its SAs only when it has message
	// 3, and drops what comes earlier. The RFC's remedy is the commit bit
	// (RFC 2408 section 3.1), which few peers know.
	SettleTime time.Duration
	// DeferDH makes Diffie-Hellman a question that is answered by Answer. It
	// is computed at once otherwise.
	DeferDH bool
}

// Defaults of IOS.
const (
	DefaultRetransmitInterval = 10 * time.Second
	DefaultRetransmitTries    = 5
	DefaultMaxHalfOpen        = 4096
	DefaultMaxUnproven        = 4096
	DefaultXAuthTimeout       = 60 * time.Second
)

// Keepalive is `crypto isakmp keepalive`.
type Keepalive struct {
	Interval time.Duration
	Retry    time.Duration
	Periodic bool // else on demand: only when we send and hear nothing
}

// KeyStore finds the pre-shared key of a peer.
type KeyStore interface {
	PresharedKey(KeyQuery) (Key, bool)
}

// KeyQuery is what is known of a peer whose key is wanted: in main mode its
// address alone, in aggressive mode the identity that it presents too.
type KeyQuery struct {
	Local, Remote netip.Addr
	Keyrings      []string        // to look in; nil is every one
	Identity      policy.Identity // an address or a name; zero in main mode
}

// Key is a pre-shared key, and the name of the keyring that has it; "" is the
// keys of no keyring.
type Key struct {
	Secret  secret.Secret
	Keyring string
	Named   bool // it is for the name that the peer presents, not for its address
	NoXAuth bool // the peer is asked for no user, whatever the crypto map says
}

// Traffic tells when an SA, by our inbound SPI, last carried a packet.
type Traffic interface {
	LastPackets(inboundSPI uint32) (in, out time.Time)
}

// Cookies keeps the cookies of ours that an SA has, or a first message which was
// answered without one, each from Keep to Forget, so that a driver can tell what
// messages are of none.
type Cookies interface {
	Keep(isakmp.Cookie)
	Forget(isakmp.Cookie)
}

// Connection is a crypto map entry bound to an interface, or an instance that
// the engine has made of a dynamic one.
type Connection struct {
	Tag       uint32 // the owner's number, unique and below 1<<31; those above are of instances
	Map       string
	Seq       int
	Interface string
	// MoreInterfaces have the same map, under the one local address that it has.
	MoreInterfaces []string
	LocalInterface string       // that has Local; "" for Interface
	Local          netip.Addr   // invalid while the interface has no address: nothing is negotiated
	Peers          []netip.Addr // in the order of trying
	Preferred      netip.Addr   // the one of them that each request tries first; invalid for none
	Former         []netip.Addr // where peers were before; see renamed.go
	TransformSets  []policy.TransformSet
	PFS            isakmp.Group // GroupNone: not asked for
	Lives          policy.Lives
	Timed          bool              // Lives.Seconds is the operator's choice: for clients too
	ACL            []policy.ACLEntry // in order; the index names a line
	ReplayWindow   int
	IdleTime       time.Duration // after which a pair that carries nothing ends; 0 for never
	IdleToDefault  bool          // the request after that begins anew, at Preferred
	Profile        string        // of its ISAKMP SAs; "" for any
	Clients        *Clients      // of its crypto map; nil for none
	EasyVPN        *EasyVPN      // it is a client's; nil for no

	// Dynamic is a template: it answers any peer, or those of Peers where there
	// are any, for any proxies, or those that ACL allows.
	Dynamic bool
	// DynamicMap and DynamicSeq name the dynamic crypto map's entry of a template
	// and of its instances.
	DynamicMap string
	DynamicSeq int
	// Template is the Tag of an instance's template; 0 where it is none.
	Template uint32
	// Remote is where an instance's peer is, LocalPort ours.
	Remote    netip.AddrPort
	LocalPort uint16
}

// ServesPools says whether its clients get addresses of pools, and anything may go to
// them: a template without an access list.
func (c *Connection) ServesPools() bool { return c.Dynamic && len(c.ACL) == 0 && c.Clients != nil }

// Interfaces are all by which the connection's traffic leaves.
func (c *Connection) Interfaces() []string { return append([]string{c.Interface}, c.MoreInterfaces...) }

// index finds connections without walking them all.
type index struct {
	byTag  map[uint32]*Connection
	byEnds map[addrPair][]*Connection // in order, one list a peer
	local  map[netip.Addr]bool        // addresses with a crypto map
	users  map[netip.Addr]bool        // those with one where users log in

	templates map[netip.Addr][]*Connection // in order, by our address
	place     map[uint32]int               // in the order of all, by tag
	clients   map[netip.Addr]*Clients      // by our address, of its crypto map
}

func indexOf(list []*Connection) index {
	x := index{make(map[uint32]*Connection), make(map[addrPair][]*Connection), make(map[netip.Addr]bool), make(map[netip.Addr]bool),
		make(map[netip.Addr][]*Connection), make(map[uint32]int), make(map[netip.Addr]*Clients)}
	for i, c := range list {
		x.byTag[c.Tag] = c
		if !c.Local.IsValid() {
			continue
		}
		x.local[c.Local] = true
		x.users[c.Local] = x.users[c.Local] || c.Clients.logIn()
		x.place[c.Tag] = i
		if c.Clients != nil {
			x.clients[c.Local] = c.Clients
		}
		if c.Dynamic {
			x.templates[c.Local] = append(x.templates[c.Local], c)
			continue
		}
		for _, p := range slices.Concat(c.Peers, c.Former) {
			ends := addrPair{c.Local, p}
			x.byEnds[ends] = append(x.byEnds[ends], c)
		}
	}
	return x
}

// joins says whether a connection is for these two ends.
func (x index) joins(p addrPair) bool {
	return len(x.byEnds[p]) > 0 || slices.ContainsFunc(x.templates[p.local], func(c *Connection) bool {
		return c.Admits(p.remote) || c.moved(p.remote)
	})
}

func (c *Config) interval() time.Duration {
	if c.RetransmitInterval > 0 {
		return c.RetransmitInterval
	}
	return DefaultRetransmitInterval
}

func (c *Config) tries() int {
	if c.RetransmitTries > 0 {
		return c.RetransmitTries
	}
	return DefaultRetransmitTries
}

func (c *Config) xauthTimeout() time.Duration {
	if c.XAuthTimeout > 0 {
		return c.XAuthTimeout
	}
	return DefaultXAuthTimeout
}
