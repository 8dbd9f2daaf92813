package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// Config is a whole configuration. Make one with New, Load or an Editor: the
// zero value lacks IOS's defaults.
type Config struct {
	Version         string // the text after `version`, or ""
	Hostname        string // "Router" when the file names none
	DomainName      string // `ip domain name`, or ""
	NoLookup        bool   // `no ip domain lookup`: names are those of Hosts only
	NameServers     []netip.Addr
	Hosts           []HostEntry // in the order of their first line
	TimestampsDebug Timestamps
	LogSessions     bool // `crypto logging session`
	AAA             AAA
	ISAKMP          ISAKMP
	IPsec           IPsec
	ClientGroups    []*ClientGroup      // in the order of their first line
	EasyVPNs        []*EasyVPN          // in the order of their first line
	Pools           []*Pool             // in the order of their first line
	Keyrings        []*Keyring          // in the order of their first line
	Profiles        []*ISAKMPProfile    // in the order of their first line
	Trustpoints     []*Trustpoint       // in the order of their first line
	CertificateMaps []*CertificateMap   // in the order of their first line
	Chains          []*CertificateChain // in the order of their first line
	PeerKeys        []*PeerKey          // likewise
	TransformSets   []*TransformSet     // in the order of their first line
	DynamicMaps     []*DynamicMap       // in the order of their first line
	CryptoMaps      []*CryptoMap        // in the order of their first line
	Interfaces      []*Interface        // in the order of their first line
	DataPlane       DataPlane
	Routes          []Route       // in the order of their lines
	AccessLists     []*AccessList // extended lists only, in the order of their first line
}

// New returns the configuration of an empty file: IOS's defaults.
func New() *Config {
	return &Config{
		Hostname: "Router",
		ISAKMP: ISAKMP{
			Enabled:        true,
			AggressiveMode: true,
			Retransmission: defaultRetransmission,
			XauthTimeout:   defaultXauthTimeout,
		},
		AAA:   AAA{RADIUS: RADIUS{Timeout: defaultRADIUSTimeout, Retransmit: defaultRADIUSRetransmit}},
		IPsec: IPsec{LifetimeSeconds: 3600, LifetimeKilobytes: 4608000, ReplayWindow: 64},
	}
}

// HostEntry is one `ip host`: a name's addresses, before any that DNS has.
type HostEntry struct {
	Name  string
	Port  uint16 // of telnet; 0 for none
	Addrs []netip.Addr
}

// Host returns the `ip host` of a name, or nil. Case does not matter.
func (c *Config) Host(name string) *HostEntry {
	for i := range c.Hosts {
		if strings.EqualFold(c.Hosts[i].Name, name) {
			return &c.Hosts[i]
		}
	}
	return nil
}

// TimestampForm says what `service timestamps debug` puts before a debug line.
type TimestampForm uint8

// Forms of a debug line's time.
const (
	TimestampsOff      TimestampForm = iota
	TimestampsUptime                 // time since start
	TimestampsDatetime               // date and time
)

// Timestamps is `service timestamps debug`. The options count with
// TimestampsDatetime only.
type Timestamps struct {
	Form         TimestampForm
	Msec         bool
	Localtime    bool
	ShowTimezone bool
	Year         bool
}

// ISAKMP is what the `crypto isakmp` commands say about phase 1.
type ISAKMP struct {
	Enabled        bool     // `crypto isakmp enable`, on by default
	Policies       []Policy // sorted by priority, the preferred first
	DefaultPolicy  bool     // `crypto isakmp default policy`: accept the built-in policy 65535
	Keys           []PresharedKey
	Identity       IdentityType
	Keepalive      *Keepalive    // nil: no dead peer detection
	NATKeepalive   time.Duration // 0: not sent
	AggressiveMode bool          // false: `crypto isakmp aggressive-mode disable`
	Fragmentation  int           // `crypto isakmp fragmentation`: octets of the largest IP packet; 0: off
	SPIRecovery    bool          // `crypto isakmp invalid-spi-recovery`
	Retransmission Retransmission
	MaxSAs         int           // `crypto call admission limit ike sa`; 0: any number
	MaxNegotiating int           // `crypto call admission limit ike in-negotiation-sa`; 0: the engine's own
	XauthTimeout   time.Duration // `crypto isakmp xauth timeout`
	AddressPool    string        // `client configuration address-pool local`, for groups without a pool; ""
	Peers          []*ISAKMPPeer // in the order of their first line
}

// defaultXauthTimeout is IOS's.
const defaultXauthTimeout = time.Minute

// defaultFragmentMTU is what every path carries (RFC 791).
const defaultFragmentMTU = 576

// Policy is one `crypto isakmp policy`, with every value in effect: what the
// file does not name has IOS's default.
type Policy struct {
	Priority   int // 1 to 10000, 65507 to 65514 for IOS's own; the lowest is preferred
	Encryption isakmp.EncryptionAlgorithm
	KeyBits    uint16 // 128, 192 or 256 for AES, 0 for the others
	Hash       isakmp.HashAlgorithm
	Auth       isakmp.AuthMethod // AuthECDSA256 for `ecdsa-sig`, of whatever curve
	Group      isakmp.Group
	Lifetime   uint32 // seconds
}

// newPolicy is `crypto isakmp policy` with nothing below it.
func newPolicy(priority int) Policy {
	return Policy{
		Priority:   priority,
		Encryption: isakmp.EncrDESCBC,
		Hash:       isakmp.HashSHA1,
		Auth:       isakmp.AuthRSASig,
		Group:      isakmp.GroupMODP768,
		Lifetime:   86400,
	}
}

// PresharedKey is one `crypto isakmp key`: for a range of addresses, or for a
// host name.
type PresharedKey struct {
	Addr     netip.Addr // the range's first address; invalid when Hostname is set
	Mask     int        // prefix length of Addr's range: 32 one host, 0 every peer
	Hostname string
	Key      secret.Secret
	NoXauth  bool
}

// Prefix returns the range of addresses, invalid for a key by host name.
func (k PresharedKey) Prefix() netip.Prefix { return netip.PrefixFrom(k.Addr, k.Mask) }

// IdentityType is what `crypto isakmp identity` makes the gateway's ID payload
// carry with pre-shared keys (RFC 2407 section 4.6.2.1).
type IdentityType uint8

// Identities of `crypto isakmp identity`.
const (
	IdentityAddress  IdentityType = iota
	IdentityDN                    // the name in the certificate; the address where there is none
	IdentityHostname              // host name and domain name
)

// Keepalive is `crypto isakmp keepalive`, dead peer detection (RFC 3706).
type Keepalive struct {
	Interval time.Duration
	Retry    time.Duration
	Periodic bool // false: on demand
}

// DataPlaneKind is who encrypts and decrypts packets.
type DataPlaneKind uint8

// Kinds of data planes.
const (
	DataPlaneAutomatic DataPlaneKind = iota // the kernel where it can, else this program
	DataPlaneKernel
	DataPlaneUserSpace
)

// DataPlane is `qmidle data-plane`, which IOS has no command for. InterfaceID is of
// the kernel's xfrm interface; 0 is none.
type DataPlane struct {
	Kind        DataPlaneKind
	InterfaceID uint32
}

// String is the command's last words.
func (d DataPlane) String() string {
	switch {
	case d.Kind == DataPlaneUserSpace:
		return "user-space"
	case d.InterfaceID != 0:
		return fmt.Sprintf("kernel if-id %d", d.InterfaceID)
	case d.Kind == DataPlaneKernel:
		return "kernel"
	}
	return "automatic"
}

// Retransmission is `qmidle retransmission`, which IOS has no command for.
type Retransmission struct {
	Interval time.Duration
	Tries    int // retransmissions after the first sending
}

// defaultRetransmission is what IOS does: five times, ten seconds apart.
var defaultRetransmission = Retransmission{Interval: 10 * time.Second, Tries: 5}

// IPsec is what the `crypto ipsec` commands say about every SA.
type IPsec struct {
	LifetimeSeconds   uint32
	LifetimeKilobytes uint32        // 0: no limit
	ReplayWindow      uint32        // packets; 0: no replay check
	IdleTime          time.Duration // `security-association idle-time`; 0: SAs may be idle
	DFBit             DFBit
	FragmentAfter     bool // `crypto ipsec fragmentation after-encryption`
}

// DFBit is `crypto ipsec df-bit`: what the outer header's bit is made of.
type DFBit uint8

// Values of DFBit.
const (
	DFCopy  DFBit = iota // the bit of the packet inside, the default
	DFSet                // always set
	DFClear              // never set
)

// TransformSet is one `crypto ipsec transform-set`.
type TransformSet struct {
	Name      string
	Cipher    isakmp.ESPTransform
	KeyBits   uint16               // 128, 192 or 256 for AES and AES-GCM, 0 for the others
	Auth      isakmp.AuthAlgorithm // AuthAlgNone with AES-GCM, or when none is named
	Transport bool                 // `mode transport`
}

// CryptoMap is the entries of one name.
type CryptoMap struct {
	Name         string
	LocalAddress string // `local-address`: the interface whose address is the local endpoint; "": the one with the map
	Profile      string // `isakmp-profile`: that of entries without their own; ""
	Client       Client
	Entries      []*CryptoMapEntry // sorted by Seq
}

// DynamicMap is the templates of one `crypto dynamic-map` name.
type DynamicMap struct {
	Name    string
	Entries []*CryptoMapEntry // sorted by Seq
}

// CryptoMapEntry is one `crypto map NAME SEQ ipsec-isakmp`, or one `crypto
// dynamic-map NAME SEQ`. The former is nothing but a place in the map where it
// names a dynamic one.
type CryptoMapEntry struct {
	Seq               int
	Dynamic           string      // `dynamic NAME`, "" when none
	Templates         *DynamicMap // the same, resolved by Load and Editor.Check
	Description       string
	Peers             []Peer          // in the order of preference
	TransformSets     []string        // names, in the order of preference
	Sets              []*TransformSet // the same, resolved by Load and Editor.Check
	PFS               isakmp.Group    // GroupNone: off
	Profile           string          // `set isakmp-profile`, "" when none: see CryptoMap.ProfileOf
	LifetimeSeconds   *uint32         // nil: Config.IPsec's
	LifetimeKilobytes *uint32         // nil: Config.IPsec's; 0: no limit
	ReplayWindow      *uint32         // nil: Config.IPsec's; 0: no replay check
	IdleTime          time.Duration   // 0: Config.IPsec's
	IdleToDefault     bool            // `idle-time N default`
	ACL               string          // name or number, "" when none
	AccessList        *AccessList     // the same, resolved by Load and Editor.Check
	ReverseRoute      ReverseRoute
}

// Complete says whether the entry has what IOS asks before it enables one: a
// peer, a transform set and an access list.
func (e *CryptoMapEntry) Complete() bool {
	return e.Dynamic != "" || len(e.Peers) > 0 && len(e.TransformSets) > 0 && e.ACL != ""
}

// TemplateComplete says the same of a `crypto dynamic-map` entry, which needs a
// transform set only.
func (e *CryptoMapEntry) TemplateComplete() bool { return len(e.TransformSets) > 0 }

// ReverseRoute is `reverse-route` with `set reverse-route`.
type ReverseRoute struct {
	On       bool
	Static   bool       // the access list's networks have routes, SA or not
	NextHop  netip.Addr // `remote-peer`; invalid: the peer
	Distance uint8      // 0: IOS's 1
	Tag      uint32     // 0: none
}

// Peer is one `set peer`: an address or a host name.
type Peer struct {
	Addr    netip.Addr // invalid when Host is set
	Host    string
	Dynamic bool // `dynamic`, of a host name
	Default bool
}

// AccessList is one extended access list. Numbered ones have their number as
// Name.
type AccessList struct {
	Name    string
	Entries []*ACLEntry // sorted by Seq
	Remarks []string    // those after the last entry
}

// ACLEntry is one permit or deny.
type ACLEntry struct {
	Seq         int
	Permit      bool
	Protocol    uint8 // 0: ip, every protocol
	Src, Dst    AddrMatch
	SrcPort     PortMatch // TCP and UDP only
	DstPort     PortMatch // TCP and UDP only
	ICMP        ICMPMatch // ICMP only
	Established bool      // TCP only
	Log         bool
	Remarks     []string // those before this entry
}

// AddrMatch is an address and a wildcard: bits that are set in Wildcard are not
// compared, and are zero in Addr.
type AddrMatch struct{ Addr, Wildcard netip.Addr }

// Any says whether every IPv4 address matches.
func (m AddrMatch) Any() bool { return m.Wildcard == addr4(0xffffffff) }

// Host says whether one address only matches.
func (m AddrMatch) Host() bool { return m.Wildcard == addr4(0) }

// Prefix returns the match as a prefix, and false where the wildcard has holes.
func (m AddrMatch) Prefix() (netip.Prefix, bool) {
	bits, ok := maskBits(addr4(^uint4(m.Wildcard)))
	if !ok {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(m.Addr, bits), true
}

// Matches says whether a is one of the addresses.
func (m AddrMatch) Matches(a netip.Addr) bool {
	return a.Is4() && uint4(a)|uint4(m.Wildcard) == uint4(m.Addr)|uint4(m.Wildcard)
}

// PortOp is the comparison of a PortMatch.
type PortOp uint8

// Port comparisons.
const (
	PortAny   PortOp = iota
	PortEq           // equal to Lo
	PortNeq          // different from Lo
	PortGt           // above Lo
	PortLt           // below Lo
	PortRange        // Lo to Hi, both included
)

// PortMatch compares a port. Hi counts with PortRange only.
type PortMatch struct {
	Op     PortOp
	Lo, Hi uint16
}

// ICMPMatch compares an ICMP type and code where HasType and HasCode say so.
type ICMPMatch struct {
	HasType, HasCode bool
	Type, Code       uint8
}

// Interface is one `interface` block.
type Interface struct {
	Name      string         // long name, GigabitEthernet0/1; a Linux name is itself
	Short     string         // Gi0/1; the same as Name for a Linux name
	Addresses []netip.Prefix // the primary address first, then the secondary ones
	Learned   AddressSource
	CryptoMap string // "" when none is applied
	// EasyVPN is the Easy VPN client that goes out here, or whose network is
	// inside; "" for none.
	EasyVPN       string
	EasyVPNInside bool
	AdjustMSS     uint16 // `ip tcp adjust-mss`, octets; 0: as it is
	Shutdown      bool
	Description   string
}

// Linux says whether Name is a Linux interface's own name. Any other is bound
// by its address or by the operator.
func (i *Interface) Linux() bool { return i.Name == i.Short }

// AddressSource says where an interface without `ip address A M` has its
// address from.
type AddressSource uint8

// Sources of an interface's address.
const (
	AddressStatic     AddressSource = iota
	AddressDHCP                     // `ip address dhcp`
	AddressNegotiated               // `ip address negotiated`
)

// Route is one `ip route`. NextHop may be invalid, or Interface "", not both.
type Route struct {
	Prefix    netip.Prefix
	NextHop   netip.Addr
	Interface string // long name, as Interface.Name
	Distance  uint8  // 1 by default
	Name      string
	Tag       uint32
}

// CryptoMap returns the map of that name, or nil.
func (c *Config) CryptoMap(name string) *CryptoMap {
	return find(c.CryptoMaps, func(m *CryptoMap) bool { return m.Name == name })
}

// DynamicMap returns the dynamic map of that name, or nil.
func (c *Config) DynamicMap(name string) *DynamicMap {
	return find(c.DynamicMaps, func(d *DynamicMap) bool { return d.Name == name })
}

// TransformSet returns the transform set of that name, or nil.
func (c *Config) TransformSet(name string) *TransformSet {
	return find(c.TransformSets, func(t *TransformSet) bool { return t.Name == name })
}

// AccessList returns the extended access list of that name or number, or nil.
func (c *Config) AccessList(name string) *AccessList {
	return find(c.AccessLists, func(l *AccessList) bool { return l.Name == name })
}

// Interface returns the interface of that name, long or short, or nil.
func (c *Config) Interface(name string) *Interface {
	long, _, ok := InterfaceName(name)
	if !ok {
		return nil
	}
	return find(c.Interfaces, func(i *Interface) bool { return i.Name == long })
}

// Entry returns the map's entry of that number, or nil; a map that is not there has none.
func (m *CryptoMap) Entry(seq int) *CryptoMapEntry {
	if m == nil {
		return nil
	}
	return entryOf(m.Entries, seq)
}

// Entry returns the map's entry of that number, or nil; a map that is not there has none.
func (d *DynamicMap) Entry(seq int) *CryptoMapEntry {
	if d == nil {
		return nil
	}
	return entryOf(d.Entries, seq)
}

func entryOf(entries []*CryptoMapEntry, seq int) *CryptoMapEntry {
	if i, found := entryIndex(entries, seq); found {
		return entries[i]
	}
	return nil
}

// entryIndex is where an entry of that number is, or would be: entries stand in order.
func entryIndex(entries []*CryptoMapEntry, seq int) (i int, found bool) {
	return slices.BinarySearchFunc(entries, seq, func(e *CryptoMapEntry, seq int) int { return cmp.Compare(e.Seq, seq) })
}

func find[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}
