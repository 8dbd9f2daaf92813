package config

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// isakmpNodes follow `crypto isakmp`.
var isakmpNodes = []*node{
	{Text: "aggressive-mode", Help: "Aggressive mode negotiation", Next: []*node{
		{Text: "disable", Help: "Refuse aggressive mode", Do: setAggressiveMode(false), No: setAggressiveMode(true)},
	}},
	{Text: "client", Help: "Client configuration", Next: []*node{
		{Text: "configuration", Help: "Configuration of clients", Next: clientConfigurationNodes},
		{Text: "firewall", Help: "Firewall policies for clients", Unsupported: "mode configuration of clients"},
	}},
	{Text: "default", Help: "ISAKMP default policy", Next: []*node{
		{Text: "policy", Help: "Accept the built-in policy 65535, after all others", Do: setDefaultPolicy(true), No: setDefaultPolicy(false), Reset: setDefaultPolicy(false)},
	}},
	{Text: "diagnose", Help: "Diagnostics", Unsupported: "ISAKMP diagnostics"},
	{Text: "enable", Help: "Enable ISAKMP", Do: setEnabled(true), No: setEnabled(false), Reset: setEnabled(true)},
	{Text: "fragmentation", Help: "Take and send IKE messages in fragments", Do: setFragmentation, No: noFragmentation, Next: []*node{
		{Text: "mtu", Help: "Largest IP packet of an IKE message", Next: []*node{
			{Kind: Number, Lo: 200, Hi: 1500, Arg: "mtu", Help: "Octets", Do: setFragmentation},
		}},
	}},
	{Text: "identity", Help: "Identity sent to the peer", No: setIdentity(IdentityAddress), Next: []*node{
		{Text: "address", Help: "IP address of the interface", Do: setIdentity(IdentityAddress)},
		{Text: "dn", Help: "Distinguished name of the certificate", Do: setIdentity(IdentityDN)},
		{Text: "hostname", Help: "Host name and domain name", Do: setIdentity(IdentityHostname)},
	}},
	{Text: "invalid-spi-recovery", Help: "Initiate IKE on receipt of an unknown SPI", Do: setSPIRecovery(true), No: setSPIRecovery(false)},
	{Text: "keepalive", Help: "Dead peer detection", No: noKeepalive, Next: []*node{
		{Kind: Number, Lo: 10, Hi: 3600, Arg: "interval", Help: "Seconds between keepalives", Do: setKeepalive, Next: slices.Concat([]*node{
			{Kind: Number, Lo: 2, Hi: 60, Arg: "retry", Help: "Seconds between retries", Do: setKeepalive, Next: keepaliveKind},
		}, keepaliveKind)},
	}},
	{Text: "key", Help: "Set pre-shared key for remote peer", No: noKey, Next: []*node{
		{Text: "0", Help: "An UNENCRYPTED key follows", Next: []*node{keyWord}},
		{Text: "6", Help: "An ENCRYPTED key follows", Unsupported: "an encrypted key (type 6)", Scope: ScopeAlways},
		keyWord,
	}},
	{Text: "nat", Help: "NAT traversal", Next: []*node{
		{Text: "keepalive", Help: "NAT keepalive interval", No: noNATKeepalive, Next: []*node{
			{Kind: Number, Lo: 5, Hi: 3600, Arg: "interval", Help: "Seconds between keepalives", Do: setNATKeepalive},
		}},
	}},
	{Text: "peer", Help: "Set peer policy", Next: peerNodes},
	{Text: "policy", Help: "Set policy for an ISAKMP protection suite", No: noPolicies, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 10000, Arg: "priority", Help: "Priority of protection suite", Do: enterPolicy, No: noPolicy},
	}},
	{Text: "profile", Help: "Define ISAKMP profiles", Next: profileNodes},
	{Text: "xauth", Help: "Extended authentication", Next: []*node{
		{Text: "timeout", Help: "How long a client may take to answer", No: noXauthTimeout, Next: []*node{
			{Kind: Number, Lo: 5, Hi: 90, Arg: "timeout", Help: "Seconds", Do: setXauthTimeout},
		}},
	}},
}

var keepaliveKind = []*node{
	{Text: "on-demand", Help: "Send keepalives when there is doubt", Do: setKeepalive},
	{Text: "periodic", Arg: "periodic", Help: "Send keepalives always", Do: setKeepalive},
}

var keyWord = &node{Kind: Word, Text: "WORD", Arg: "key", Help: "The UNENCRYPTED pre-shared key", Secret: true, Next: []*node{
	{Text: "address", Help: "Define the shared key with an IP address", Next: []*node{
		{Text: "ipv6", Help: "Define the shared key with an IPv6 address", Unsupported: "a key of an IPv6 peer"},
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Peer IP address; 0.0.0.0 for any", Do: setKey, Next: slices.Concat([]*node{
			{Kind: Netmask, Text: "A.B.C.D", Arg: "mask", Help: "Peer IP subnet mask", Do: setKey, Next: noXauth},
		}, noXauth)},
	}},
	{Text: "hostname", Help: "Define the shared key with a host name", Next: []*node{
		{Kind: Host, Text: "WORD", Arg: "hostname", Help: "Peer host name", Do: setKey, Next: noXauth},
	}},
}}

var noXauth = []*node{{Text: "no-xauth", Arg: "no-xauth", Help: "No extended authentication of this peer", Do: setKey}}

var policyMode = mode{name: "ISAKMP policy", prompt: "config-isakmp", nodes: []*node{
	{Text: "authentication", Help: "Set authentication method for protection suite", No: resetPolicy("authentication"), Next: []*node{
		{Text: "ecdsa-sig", Lo: uint64(isakmp.AuthECDSA256), Arg: "authentication", Help: "ECDSA Signature", Do: setPolicy},
		{Text: "pre-share", Lo: uint64(isakmp.AuthPSK), Arg: "authentication", Help: "Pre-Shared Key", Do: setPolicy},
		{Text: "rsa-encr", Lo: uint64(isakmp.AuthRSAEnc), Arg: "authentication", Help: "Rivest-Shamir-Adleman Encryption", Do: setPolicy},
		{Text: "rsa-sig", Lo: uint64(isakmp.AuthRSASig), Arg: "authentication", Help: "Rivest-Shamir-Adleman Signature", Do: setPolicy},
	}},
	{Text: "encryption", Help: "Set encryption algorithm for protection suite", No: resetPolicy("encryption"), Next: []*node{
		{Text: "3des", Lo: uint64(isakmp.Encr3DESCBC), Arg: "encryption", Help: "Three key triple DES", Do: setPolicy},
		{Text: "aes", Lo: uint64(isakmp.EncrAESCBC), Arg: "encryption", Help: "AES - Advanced Encryption Standard", Do: setPolicy, Next: []*node{
			{Text: "128", Lo: 128, Arg: "bits", Help: "128 bit keys", Do: setPolicy},
			{Text: "192", Lo: 192, Arg: "bits", Help: "192 bit keys", Do: setPolicy},
			{Text: "256", Lo: 256, Arg: "bits", Help: "256 bit keys", Do: setPolicy},
		}},
		{Text: "des", Lo: uint64(isakmp.EncrDESCBC), Arg: "encryption", Help: "DES - Data Encryption Standard (56 bit keys)", Do: setPolicy},
	}},
	{Text: "group", Help: "Set the Diffie-Hellman group", No: resetPolicy("group"), Next: policyGroups()},
	{Text: "hash", Help: "Set hash algorithm for protection suite", No: resetPolicy("hash"), Next: []*node{
		{Text: "md5", Lo: uint64(isakmp.HashMD5), Arg: "hash", Help: "Message Digest 5", Do: setPolicy},
		{Text: "sha", Lo: uint64(isakmp.HashSHA1), Arg: "hash", Help: "Secure Hash Standard", Do: setPolicy},
		{Text: "sha256", Lo: uint64(isakmp.HashSHA256), Arg: "hash", Help: "Secure Hash Standard 2 (256 bit)", Do: setPolicy},
		{Text: "sha384", Lo: uint64(isakmp.HashSHA384), Arg: "hash", Help: "Secure Hash Standard 2 (384 bit)", Do: setPolicy},
		{Text: "sha512", Lo: uint64(isakmp.HashSHA512), Arg: "hash", Help: "Secure Hash Standard 2 (512 bit)", Do: setPolicy},
	}},
	{Text: "lifetime", Help: "Set lifetime for ISAKMP security association", No: resetPolicy("lifetime"), Next: []*node{
		{Kind: Number, Lo: 60, Hi: 86400, Arg: "lifetime", Help: "Lifetime in seconds", Do: setPolicy},
	}},
}}

// groups are the Diffie-Hellman groups that IOS has, with its descriptions.
var groups = []struct {
	group isakmp.Group
	help  string
}{
	{isakmp.GroupMODP768, "768 bit"},
	{isakmp.GroupMODP1024, "1024 bit"},
	{isakmp.GroupMODP1536, "1536 bit"},
	{isakmp.GroupMODP2048, "2048 bit"},
	{isakmp.GroupMODP3072, "3072 bit"},
	{isakmp.GroupMODP4096, "4096 bit"},
	{isakmp.GroupECP256, "256 bit ecp"},
	{isakmp.GroupECP384, "384 bit ecp"},
	{isakmp.GroupECP521, "521 bit ecp"},
	{isakmp.GroupMODP2048S256, "2048 bit, 256 bit subgroup"},
}

func policyGroups() []*node {
	var nodes []*node
	for _, g := range groups {
		nodes = append(nodes, &node{Text: strconv.Itoa(int(g.group)), Lo: uint64(g.group), Arg: "group", Help: "Diffie-Hellman group " + strconv.Itoa(int(g.group)) + " (" + g.help + ")", Do: setPolicy})
	}
	return nodes
}

func seconds(a Args, name string) time.Duration {
	return time.Duration(a.Number(name)) * time.Second
}

func setAggressiveMode(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.ISAKMP.AggressiveMode = on
		e.remember("isakmp aggressive", a, "")
		return nil
	}
}

func setSPIRecovery(on bool) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		e.cfg.ISAKMP.SPIRecovery = on
		return nil
	}
}

func setFragmentation(e *Editor, a Args) *Problem {
	e.cfg.ISAKMP.Fragmentation = defaultFragmentMTU
	if a.Has("mtu") {
		e.cfg.ISAKMP.Fragmentation = int(a.Number("mtu"))
	}
	e.remember("isakmp fragmentation", a, "mtu")
	return nil
}

func noFragmentation(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.Fragmentation = 0
	return nil
}

func setDefaultPolicy(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.ISAKMP.DefaultPolicy = on
		e.remember("isakmp default", a, "")
		return nil
	}
}

func setEnabled(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.ISAKMP.Enabled = on
		e.remember("isakmp enable", a, "")
		return nil
	}
}

func setIdentity(id IdentityType) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.ISAKMP.Identity = id
		e.remember("isakmp identity", a, "")
		return nil
	}
}

func setKeepalive(e *Editor, a Args) *Problem {
	k := &Keepalive{Interval: seconds(a, "interval"), Retry: 2 * time.Second, Periodic: a.Has("periodic")}
	if a.Has("retry") {
		k.Retry = seconds(a, "retry")
	}
	e.cfg.ISAKMP.Keepalive = k
	e.remember("isakmp keepalive", a, "interval")
	return nil
}

func noKeepalive(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.Keepalive = nil
	return nil
}

func setXauthTimeout(e *Editor, a Args) *Problem {
	e.cfg.ISAKMP.XauthTimeout = seconds(a, "timeout")
	return nil
}

func noXauthTimeout(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.XauthTimeout = defaultXauthTimeout
	return nil
}

func setNATKeepalive(e *Editor, a Args) *Problem {
	e.cfg.ISAKMP.NATKeepalive = seconds(a, "interval")
	return nil
}

func noNATKeepalive(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.NATKeepalive = 0
	return nil
}

// setKey reads `crypto isakmp key`.
func setKey(e *Editor, a Args) *Problem {
	k, p := presharedKey(a)
	if p != nil {
		return p
	}
	if e.cfg.ISAKMP.Keys, p = addKey(e.cfg.ISAKMP.Keys, k, "no crypto isakmp key"); p == nil {
		e.remember(keyMark(DefaultKeyring, k), a, "")
	}
	return p
}

func presharedKey(a Args) (PresharedKey, *Problem) {
	k := PresharedKey{Hostname: a.Text("hostname"), Key: secret.FromString(a.Text("key")), NoXauth: a.Has("no-xauth")}
	if len(a.Text("key")) > 128 {
		return k, &Problem{Code: CodeValue, Arg: "key", Message: "the key is longer than 128 characters"}
	}
	if !a.Has("address") {
		return k, nil
	}
	peers := rangeOf(a, "address", "mask")
	k.Addr, k.Mask = peers.Addr(), peers.Bits()
	return k, nil
}

// keyMark is where a key of a keyring was written.
func keyMark(keyring string, k PresharedKey) string {
	return keyringMark(keyring) + " key " + k.keyringPeer()
}

func (k *PresharedKey) samePeer(o *PresharedKey) bool {
	return k.Mask == o.Mask && k.Addr == o.Addr && k.Hostname == o.Hostname
}

// peer names the key's peers as IOS does.
func (k PresharedKey) peer() string {
	if k.Hostname != "" {
		return "hostname " + k.Hostname
	}
	return "address mask " + k.Addr.String() + " " + mask(k.Mask).String()
}

func noKey(e *Editor, a Args) *Problem {
	k, p := presharedKey(a)
	if p != nil {
		return p
	}
	if !a.Has("address") && !a.Has("hostname") {
		return &Problem{Code: CodeIncomplete, Message: "% Incomplete command.", Hint: "name the key and its peer"}
	}
	e.cfg.ISAKMP.Keys, p = removeKey(e.cfg.ISAKMP.Keys, k)
	return p
}

func policyMark(priority int) string { return "isakmp policy " + strconv.Itoa(priority) }

func enterPolicy(e *Editor, a Args) *Problem {
	priority := int(a.Number("priority"))
	e.enter(&policyMode)
	e.policy = priority
	if e.currentPolicy() != nil {
		e.again(policyMark(priority), a, "priority")
		return nil
	}
	e.remember(policyMark(priority), a, "priority")
	all := e.cfg.ISAKMP.Policies
	i, _ := slices.BinarySearchFunc(all, priority, func(p Policy, priority int) int { return cmp.Compare(p.Priority, priority) })
	e.cfg.ISAKMP.Policies = slices.Insert(all, i, newPolicy(priority))
	return nil
}

func noPolicy(e *Editor, a Args) *Problem {
	before := len(e.cfg.ISAKMP.Policies)
	e.cfg.ISAKMP.Policies = slices.DeleteFunc(e.cfg.ISAKMP.Policies, func(p Policy) bool {
		return p.Priority == int(a.Number("priority"))
	})
	if len(e.cfg.ISAKMP.Policies) == before {
		return &Problem{Code: CodeReference, Arg: "priority", Message: "there is no policy of this priority"}
	}
	e.enter(nil)
	return nil
}

func noPolicies(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.Policies = nil
	e.enter(nil)
	return nil
}

// currentPolicy is the policy that the mode edits, nil when there is none yet.
func (e *Editor) currentPolicy() *Policy {
	all := e.cfg.ISAKMP.Policies
	i, found := slices.BinarySearchFunc(all, e.policy, func(p Policy, priority int) int { return cmp.Compare(p.Priority, priority) })
	if !found {
		return nil
	}
	return &all[i]
}

// setPolicy carries out a line of a policy: its one argument says which value.
func setPolicy(e *Editor, a Args) *Problem {
	p := e.currentPolicy()
	what, value := a[0].Name, a[0].Number
	switch what {
	case "authentication":
		p.Auth = isakmp.AuthMethod(value)
	case "encryption":
		p.Encryption, p.KeyBits = isakmp.EncryptionAlgorithm(value), uint16(a.Number("bits"))
		if p.Encryption == isakmp.EncrAESCBC && p.KeyBits == 0 {
			p.KeyBits = 128
		}
	case "group":
		p.Group = isakmp.Group(value)
	case "hash":
		p.Hash = isakmp.HashAlgorithm(value)
	case "lifetime":
		p.Lifetime = uint32(value)
	}
	e.remember(policyMark(p.Priority)+" "+what, a, what)
	return nil
}

// resetPolicy puts IOS's default back.
func resetPolicy(what string) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		p, fresh := e.currentPolicy(), newPolicy(e.policy)
		switch what {
		case "authentication":
			p.Auth = fresh.Auth
		case "encryption":
			p.Encryption, p.KeyBits = fresh.Encryption, fresh.KeyBits
		case "group":
			p.Group = fresh.Group
		case "hash":
			p.Hash = fresh.Hash
		case "lifetime":
			p.Lifetime = fresh.Lifetime
		}
		delete(e.marks, policyMark(e.policy)+" "+what)
		return nil
	}
}
