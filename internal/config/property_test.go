package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// TestRunningConfigReloads draws whole models: each must load back equal from
// its running configuration.
func TestRunningConfigReloads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { reloads(t, drawConfig(t)) })
}

func drawConfig(t *rapid.T) *Config {
	c := New()
	c.Hostname = name(t, "hostname")
	c.Version = rapid.SampledFrom([]string{"", "12.4", "15.2", "17.3 special"}).Draw(t, "version")
	c.DomainName = rapid.SampledFrom([]string{"", "example.com"}).Draw(t, "domain")
	c.NoLookup = rapid.Bool().Draw(t, "no lookup")
	c.Hosts = distinct(t, "hosts", drawHost, func(h HostEntry) string { return strings.ToLower(h.Name) })
	c.NameServers = distinct(t, "name servers", func(t *rapid.T) netip.Addr { return address(t, "name server") }, netip.Addr.String)
	c.TimestampsDebug = drawTimestamps(t)
	c.LogSessions = rapid.Bool().Draw(t, "log sessions")
	c.ISAKMP = drawISAKMP(t)
	c.IPsec = IPsec{
		LifetimeSeconds:   rapid.Uint32Range(120, 86400).Draw(t, "seconds"),
		LifetimeKilobytes: drawKilobytes(t),
		ReplayWindow:      rapid.SampledFrom([]uint32{0, 64, 128, 256, 512, 1024}).Draw(t, "window"),
		IdleTime:          rapid.SampledFrom([]time.Duration{0, time.Minute, 24 * time.Hour}).Draw(t, "idle"),
		DFBit:             rapid.SampledFrom([]DFBit{DFCopy, DFSet, DFClear}).Draw(t, "df"),
		FragmentAfter:     rapid.Bool().Draw(t, "fragmentation"),
	}
	c.TransformSets = distinct(t, "sets", drawTransformSet, func(s *TransformSet) string { return s.Name })
	c.AccessLists = distinct(t, "lists", drawACL, func(l *AccessList) string { return l.Name })
	c.Keyrings = distinct(t, "keyrings", drawKeyring, func(k *Keyring) string { return k.Name })
	c.Profiles = distinct(t, "profiles", func(t *rapid.T) *ISAKMPProfile { return drawProfile(t, c) }, func(p *ISAKMPProfile) string { return p.Name })
	if len(c.TransformSets) > 0 && len(c.AccessLists) > 0 {
		c.DynamicMaps = distinct(t, "dynamic maps", func(t *rapid.T) *DynamicMap { return drawDynamicMap(t, c) }, func(d *DynamicMap) string { return d.Name })
		c.CryptoMaps = distinct(t, "maps", func(t *rapid.T) *CryptoMap { return drawMap(t, c) }, func(m *CryptoMap) string { return m.Name })
	}
	c.Interfaces = drawInterfaces(t, c)
	drawPKI(t, c)
	drawClients(t, c)
	c.Routes = drawRoutes(t)
	return c
}

func drawHost(t *rapid.T) HostEntry {
	h := HostEntry{Name: "h" + name(t, "host"), Port: rapid.SampledFrom([]uint16{0, 1, 65535}).Draw(t, "port")}
	h.Addrs = distinct(t, "addresses", func(t *rapid.T) netip.Addr { return address(t, "host address") }, netip.Addr.String)
	if len(h.Addrs) == 0 {
		h.Addrs = []netip.Addr{address(t, "host address")}
	}
	return h
}

// distinct draws up to four things, no two with the same key.
func distinct[T any](t *rapid.T, label string, draw func(*rapid.T) T, key func(T) string) []T {
	var all []T
	for range rapid.IntRange(0, 4).Draw(t, label) {
		v := draw(t)
		if !slices.ContainsFunc(all, func(o T) bool { return key(o) == key(v) }) {
			all = append(all, v)
		}
	}
	return all
}

func name(t *rapid.T, label string) string {
	return rapid.StringMatching(`[A-Za-z][A-Za-z0-9_.-]{0,11}`).Draw(t, label)
}

// words is text as a description or remark has it.
func words(t *rapid.T, label string) string {
	return strings.Join(strings.Fields(rapid.StringMatching(`([!-~é][ !-~]{0,20})?`).Draw(t, label)), " ")
}

func address(t *rapid.T, label string) netip.Addr {
	return addr4(rapid.Uint32Range(0x01000001, 0xdffffffe).Draw(t, label))
}

func drawTimestamps(t *rapid.T) Timestamps {
	ts := Timestamps{Form: TimestampForm(rapid.IntRange(0, 2).Draw(t, "form"))}
	if ts.Form == TimestampsDatetime {
		ts.Msec = rapid.Bool().Draw(t, "msec")
		ts.Localtime = rapid.Bool().Draw(t, "localtime")
		ts.ShowTimezone = rapid.Bool().Draw(t, "timezone")
		ts.Year = rapid.Bool().Draw(t, "year")
	}
	return ts
}

func drawISAKMP(t *rapid.T) ISAKMP {
	k := ISAKMP{
		Enabled:        rapid.Bool().Draw(t, "enabled"),
		Fragmentation:  rapid.SampledFrom([]int{0, 200, 576, 1500}).Draw(t, "fragmentation"),
		SPIRecovery:    rapid.Bool().Draw(t, "invalid SPI recovery"),
		DefaultPolicy:  rapid.Bool().Draw(t, "default policy"),
		AggressiveMode: rapid.Bool().Draw(t, "aggressive"),
		Identity:       rapid.SampledFrom([]IdentityType{IdentityAddress, IdentityDN, IdentityHostname}).Draw(t, "identity"),
		NATKeepalive:   rapid.SampledFrom([]time.Duration{0, 5 * time.Second, time.Hour}).Draw(t, "nat keepalive"),
		Retransmission: Retransmission{time.Duration(rapid.IntRange(1, 60).Draw(t, "interval")) * time.Second, rapid.IntRange(1, 20).Draw(t, "tries")},
		Keys:           distinct(t, "keys", drawKey, PresharedKey.peer),
		// The last policy can always be used, or Load would refuse the model.
		Policies: append(distinct(t, "policies", drawPolicy, func(p Policy) string { return fmt.Sprint(p.Priority) }), usablePolicy()),
	}
	k.Peers = distinct(t, "isakmp peers", drawISAKMPPeer, (*ISAKMPPeer).name)
	slices.SortFunc(k.Policies, func(a, b Policy) int { return a.Priority - b.Priority })
	if rapid.Bool().Draw(t, "keepalive") {
		k.Keepalive = &Keepalive{
			Interval: time.Duration(rapid.IntRange(10, 3600).Draw(t, "keepalive interval")) * time.Second,
			Retry:    time.Duration(rapid.IntRange(2, 60).Draw(t, "retry")) * time.Second,
			Periodic: rapid.Bool().Draw(t, "periodic"),
		}
	}
	return k
}

func drawISAKMPPeer(t *rapid.T) *ISAKMPPeer {
	p := &ISAKMPPeer{Description: rapid.SampledFrom([]string{"", "The other end"}).Draw(t, "description")}
	if rapid.Bool().Draw(t, "by name") {
		p.Host = name(t, "peer")
	} else {
		p.Addr = address(t, "peer")
	}
	if rapid.Bool().Draw(t, "password") {
		p.Password = secret.FromString(rapid.OneOf(rapid.StringMatching(`[!-~é]{1,40}`), rapid.Just("0"), rapid.Just("6")).Draw(t, "password"))
	}
	switch p.Endpoint.Type = rapid.SampledFrom([]isakmp.IDType{0, isakmp.IDIPv4Addr, isakmp.IDFQDN, isakmp.IDUserFQDN}).Draw(t, "endpoint"); p.Endpoint.Type {
	case isakmp.IDIPv4Addr:
		p.Endpoint.Addr = address(t, "endpoint")
	case isakmp.IDFQDN:
		p.Endpoint.Name = name(t, "endpoint")
	case isakmp.IDUserFQDN:
		p.Endpoint.Name = "ops@" + name(t, "endpoint")
	}
	return p
}

func usablePolicy() Policy {
	p := newPolicy(10000)
	p.Auth = isakmp.AuthPSK
	return p
}

func drawPolicy(t *rapid.T) Policy {
	p := newPolicy(rapid.IntRange(1, 9999).Draw(t, "priority"))
	p.Encryption = rapid.SampledFrom([]isakmp.EncryptionAlgorithm{isakmp.EncrDESCBC, isakmp.Encr3DESCBC, isakmp.EncrAESCBC}).Draw(t, "encryption")
	if p.Encryption == isakmp.EncrAESCBC {
		p.KeyBits = rapid.SampledFrom([]uint16{128, 192, 256}).Draw(t, "bits")
	}
	p.Hash = rapid.SampledFrom([]isakmp.HashAlgorithm{isakmp.HashMD5, isakmp.HashSHA1, isakmp.HashSHA256, isakmp.HashSHA384, isakmp.HashSHA512}).Draw(t, "hash")
	p.Auth = rapid.SampledFrom([]isakmp.AuthMethod{isakmp.AuthPSK, isakmp.AuthRSASig, isakmp.AuthRSAEnc}).Draw(t, "auth")
	p.Group = rapid.SampledFrom(groups).Draw(t, "group").group
	p.Lifetime = rapid.Uint32Range(60, 86400).Draw(t, "lifetime")
	return p
}

func drawKey(t *rapid.T) PresharedKey {
	k := PresharedKey{
		Key:     secret.FromString(rapid.OneOf(rapid.StringMatching(`[!-~é]{1,40}`), rapid.Just("0"), rapid.Just("6"), rapid.Just("address")).Draw(t, "key")),
		NoXauth: rapid.Bool().Draw(t, "no-xauth"),
	}
	if rapid.Bool().Draw(t, "by name") {
		k.Hostname = name(t, "peer")
		return k
	}
	k.Mask = rapid.IntRange(0, 32).Draw(t, "mask")
	k.Addr = netip.PrefixFrom(address(t, "peer"), k.Mask).Masked().Addr()
	return k
}

func drawKilobytes(t *rapid.T) uint32 {
	return rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Min(2560)).Draw(t, "kilobytes")
}

func drawTransformSet(t *rapid.T) *TransformSet {
	s := &TransformSet{Name: name(t, "set"), Transport: rapid.Bool().Draw(t, "transport")}
	c := rapid.SampledFrom(ciphers).Draw(t, "cipher")
	s.Cipher = c.cipher
	if c.bits {
		s.KeyBits = rapid.SampledFrom([]uint16{128, 192, 256}).Draw(t, "bits")
	}
	if s.Cipher != isakmp.ESPAESGCM16 && (s.Cipher == isakmp.ESPNull || rapid.Bool().Draw(t, "with auth")) {
		s.Auth = rapid.SampledFrom(authenticators).Draw(t, "auth").auth
	}
	return s
}

func drawACL(t *rapid.T) *AccessList {
	l := &AccessList{Name: rapid.OneOf(
		rapid.StringMatching(`[A-Z][A-Za-z0-9_-]{0,9}`),
		rapid.Map(rapid.IntRange(100, 199), func(n int) string { return fmt.Sprint(n) }),
		rapid.Map(rapid.IntRange(2000, 2699), func(n int) string { return fmt.Sprint(n) }),
	).Draw(t, "list")}
	seq, regular := 0, rapid.Bool().Draw(t, "regular")
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		seq += 10
		if !regular {
			seq += rapid.IntRange(0, 30).Draw(t, "gap")
		}
		x := drawEntry(t)
		x.Seq, x.Remarks = seq, drawRemarks(t)
		if !slices.ContainsFunc(l.Entries, func(o *ACLEntry) bool { return o.packetMatch() == x.packetMatch() }) {
			l.Entries = append(l.Entries, x)
		}
	}
	l.Remarks = drawRemarks(t)
	return l
}

func drawRemarks(t *rapid.T) []string {
	var all []string
	for range rapid.IntRange(0, 2).Draw(t, "remarks") {
		if r := words(t, "remark"); r != "" {
			all = append(all, r)
		}
	}
	return all
}

// drawEntry draws what a quick mode identity can carry when it permits, and
// anything when it denies.
func drawEntry(t *rapid.T) *ACLEntry {
	x := &ACLEntry{
		Permit:   rapid.Bool().Draw(t, "permit"),
		Protocol: rapid.OneOf(rapid.SampledFrom([]uint8{0, 1, 6, 17}), rapid.Byte()).Draw(t, "protocol"),
		Log:      rapid.Bool().Draw(t, "log"),
	}
	x.Src, x.Dst = drawMatch(t, x.Permit), drawMatch(t, x.Permit)
	switch x.Protocol {
	case 6, 17:
		x.SrcPort, x.DstPort = drawPort(t, x.Permit), drawPort(t, x.Permit)
		x.Established = x.Protocol == 6 && !x.Permit && rapid.Bool().Draw(t, "established")
	case 1:
		if !x.Permit && rapid.Bool().Draw(t, "typed") {
			x.ICMP = ICMPMatch{HasType: true, Type: rapid.Byte().Draw(t, "type")}
			if x.ICMP.HasCode = rapid.Bool().Draw(t, "coded"); x.ICMP.HasCode {
				x.ICMP.Code = rapid.Byte().Draw(t, "code")
			}
		}
	}
	return x
}

func drawMatch(t *rapid.T, contiguous bool) AddrMatch {
	wildcard := rapid.Uint32().Draw(t, "wildcard")
	if contiguous || rapid.Bool().Draw(t, "contiguous") {
		wildcard = ^uint4(mask(rapid.IntRange(0, 32).Draw(t, "bits")))
	}
	return AddrMatch{addr4(rapid.Uint32().Draw(t, "addr") &^ wildcard), addr4(wildcard)}
}

func drawPort(t *rapid.T, permit bool) PortMatch {
	last := PortRange
	if permit {
		last = PortEq
	}
	m := PortMatch{Op: PortOp(rapid.IntRange(0, int(last)).Draw(t, "op"))}
	if m.Op != PortAny {
		m.Lo = uint16(rapid.IntRange(1, 65534).Draw(t, "port"))
	}
	if m.Op == PortRange {
		m.Hi = uint16(rapid.IntRange(int(m.Lo), 65535).Draw(t, "to"))
	}
	return m
}

func drawMap(t *rapid.T, c *Config) *CryptoMap {
	m := &CryptoMap{Name: name(t, "map")}
	m.Entries = distinct(t, "entries", func(t *rapid.T) *CryptoMapEntry { return drawMapEntry(t, c) }, func(e *CryptoMapEntry) string { return fmt.Sprint(e.Seq) })
	m.Profile = drawProfileName(t, c)
	if rapid.Bool().Draw(t, "local address") {
		m.LocalAddress = localInterface
	}
	if len(m.Entries) == 0 && m.Profile == "" && m.LocalAddress == "" {
		m.Entries = []*CryptoMapEntry{{Seq: 1}}
	}
	slices.SortFunc(m.Entries, func(a, b *CryptoMapEntry) int { return a.Seq - b.Seq })
	return m
}

func drawDynamicMap(t *rapid.T, c *Config) *DynamicMap {
	d := &DynamicMap{Name: name(t, "dynamic map")}
	d.Entries = distinct(t, "templates", func(t *rapid.T) *CryptoMapEntry { return drawTemplate(t, c) }, func(e *CryptoMapEntry) string { return fmt.Sprint(e.Seq) })
	if len(d.Entries) == 0 {
		d.Entries = []*CryptoMapEntry{{Seq: 1}}
	}
	slices.SortFunc(d.Entries, func(a, b *CryptoMapEntry) int { return a.Seq - b.Seq })
	return d
}

func drawMapEntry(t *rapid.T, c *Config) *CryptoMapEntry {
	if len(c.DynamicMaps) > 0 && rapid.Bool().Draw(t, "dynamic") {
		d := rapid.SampledFrom(c.DynamicMaps).Draw(t, "of")
		return &CryptoMapEntry{Seq: rapid.IntRange(1, 65535).Draw(t, "seq"), Dynamic: d.Name, Templates: d}
	}
	return drawTemplate(t, c)
}

func drawReverseRoute(t *rapid.T) ReverseRoute {
	r := ReverseRoute{On: rapid.Bool().Draw(t, "reverse-route"), Distance: rapid.Uint8().Draw(t, "distance"), Tag: rapid.Uint32().Draw(t, "tag")}
	if r.On {
		r.Static = rapid.Bool().Draw(t, "static")
		if rapid.Bool().Draw(t, "remote-peer") {
			r.NextHop = address(t, "next hop")
		}
	}
	return r
}

// drawTemplate draws what stands below an entry of either kind.
func drawTemplate(t *rapid.T, c *Config) *CryptoMapEntry {
	e := &CryptoMapEntry{
		ReverseRoute: drawReverseRoute(t),
		Seq:          rapid.IntRange(1, 65535).Draw(t, "seq"),
		Description:  words(t, "description"),
		Peers:        distinct(t, "peers", drawPeer, func(p Peer) string { return strings.ToLower(p.String()) }),
		PFS:          rapid.OneOf(rapid.Just(isakmp.GroupNone), rapid.Just(isakmp.GroupMODP2048), rapid.Just(isakmp.GroupMODP2048S256)).Draw(t, "pfs"),
	}
	e.Profile = drawProfileName(t, c)
	if len(e.Peers) > 0 && rapid.Bool().Draw(t, "default") {
		e.Peers[0].Default = true
	}
	for range rapid.IntRange(0, maxSetsPerEntry).Draw(t, "sets") {
		s := rapid.SampledFrom(c.TransformSets).Draw(t, "set")
		e.TransformSets, e.Sets = append(e.TransformSets, s.Name), append(e.Sets, s)
	}
	if len(e.Peers) > 0 {
		e.Peers[0].Default = rapid.Bool().Draw(t, "default")
	}
	if rapid.Bool().Draw(t, "lifetime") {
		v := rapid.Uint32Range(120, 86400).Draw(t, "seconds")
		w := drawKilobytes(t)
		e.LifetimeSeconds, e.LifetimeKilobytes = &v, &w
	}
	if rapid.Bool().Draw(t, "idle") {
		e.IdleTime, e.IdleToDefault = 900*time.Second, rapid.Bool().Draw(t, "idle to default")
	}
	if rapid.Bool().Draw(t, "replay") {
		v := rapid.SampledFrom([]uint32{0, 64, 1024}).Draw(t, "window")
		e.ReplayWindow = &v
	}
	if rapid.Bool().Draw(t, "match") {
		e.AccessList = rapid.SampledFrom(c.AccessLists).Draw(t, "list")
		e.ACL = e.AccessList.Name
	}
	return e
}

func drawPeer(t *rapid.T) Peer {
	if rapid.Bool().Draw(t, "by name") {
		return Peer{Host: name(t, "peer"), Dynamic: rapid.Bool().Draw(t, "dynamic")}
	}
	return Peer{Addr: address(t, "peer")}
}

// drawInterfaces gives no two the same address, and none a peer's.
func drawInterfaces(t *rapid.T, c *Config) []*Interface {
	var all []*Interface
	for i, typed := range []string{"GigabitEthernet0/", "Loopback", "eth", "Port-channel"} {
		x := &Interface{Name: typed + fmt.Sprint(i), Description: words(t, "description"), Shutdown: rapid.Bool().Draw(t, "shutdown"),
			AdjustMSS: rapid.SampledFrom([]uint16{0, 500, 1360, 1460}).Draw(t, "mss")}
		x.Name, x.Short, _ = InterfaceName(x.Name)
		switch rapid.IntRange(0, 3).Draw(t, "address") {
		case 0:
			x.Learned = rapid.SampledFrom([]AddressSource{AddressDHCP, AddressNegotiated}).Draw(t, "learned")
		case 1:
			// 224 to 239 are no peer's, and 0 no interface's either.
			x.Addresses = []netip.Prefix{netip.PrefixFrom(addr4(uint32(i)<<8+1), rapid.IntRange(8, 30).Draw(t, "bits"))}
		case 2:
			x.Addresses = []netip.Prefix{netip.PrefixFrom(addr4(uint32(i)<<8+1), 24), netip.PrefixFrom(addr4(uint32(i)<<8+2), 24)}
		}
		if len(c.CryptoMaps) > 0 && rapid.Bool().Draw(t, "apply") {
			x.CryptoMap = rapid.SampledFrom(c.CryptoMaps).Draw(t, "map").Name
		}
		all = append(all, x)
	}
	return append(all[rapid.IntRange(0, len(all)).Draw(t, "skip"):], &Interface{Name: localInterface, Short: localInterface})
}

// localInterface is a Linux interface, which needs no address, that is always
// there.
const localInterface = "tunl0x"

func drawLocal(t *rapid.T) LocalEndpoint {
	return rapid.OneOf(rapid.Just(LocalEndpoint{}), rapid.Just(LocalEndpoint{Interface: localInterface}),
		rapid.Map(rapid.Uint32Range(0x01000001, 0xdffffffe), func(v uint32) LocalEndpoint { return LocalEndpoint{Addr: addr4(v)} })).Draw(t, "local")
}

func drawKeyring(t *rapid.T) *Keyring {
	k := &Keyring{Name: name(t, "keyring"), Description: words(t, "description"), Local: drawLocal(t)}
	for _, key := range distinct(t, "keys", drawKey, PresharedKey.peer) {
		key.NoXauth = false
		k.Keys = append(k.Keys, key)
	}
	return k
}

func drawProfile(t *rapid.T, c *Config) *ISAKMPProfile {
	p := &ISAKMPProfile{Name: name(t, "profile"), Description: words(t, "description"), Local: drawLocal(t)}
	for _, k := range append(c.Keyrings, &Keyring{Name: DefaultKeyring}) {
		if rapid.Bool().Draw(t, "has keyring") {
			p.Keyrings = append(p.Keyrings, k.Name)
		}
	}
	// No host's name is short for the keyword `domain`.
	host := rapid.StringMatching(`x[a-z0-9-]{0,9}\.example\.(com|net)`)
	switch p.SelfIdentity.Type = SelfIdentityType(rapid.IntRange(0, 3).Draw(t, "identity")); p.SelfIdentity.Type {
	case SelfAddress:
		if rapid.Bool().Draw(t, "own") {
			p.SelfIdentity.Addr = address(t, "self")
		}
	case SelfFQDN:
		p.SelfIdentity.Name = rapid.OneOf(rapid.Just(""), host).Draw(t, "self")
	case SelfUserFQDN:
		p.SelfIdentity.Name = "user@" + host.Draw(t, "self")
	}
	p.Match = distinct(t, "matches", func(t *rapid.T) IdentityMatch {
		m := IdentityMatch{Kind: MatchKind(rapid.IntRange(0, 5).Draw(t, "kind")), Name: host.Draw(t, "host")}
		switch m.Kind {
		case MatchAddress:
			m.Name, m.Prefix = "", netip.PrefixFrom(address(t, "peer"), rapid.IntRange(0, 32).Draw(t, "bits")).Masked()
		case MatchUser:
			m.Name = "user@" + m.Name
		}
		return m
	}, IdentityMatch.String)
	p.Aggressive = rapid.Bool().Draw(t, "aggressive")
	if rapid.Bool().Draw(t, "group") {
		p.Group = name(t, "group")
	}
	if rapid.Bool().Draw(t, "keepalive") {
		p.Keepalive = &Keepalive{Interval: time.Duration(rapid.IntRange(10, 3600).Draw(t, "interval")) * time.Second,
			Retry: time.Duration(rapid.IntRange(2, 60).Draw(t, "retry")) * time.Second}
	}
	return p
}

// drawProfileName is one of the configuration's profiles, or none.
func drawProfileName(t *rapid.T, c *Config) string {
	names := append(c.profileNames(), "")
	return rapid.SampledFrom(names).Draw(t, "profile")
}

func drawRoutes(t *rapid.T) []Route {
	return distinct(t, "routes", func(t *rapid.T) Route {
		r := Route{
			Prefix:   netip.PrefixFrom(address(t, "prefix"), rapid.IntRange(0, 32).Draw(t, "bits")).Masked(),
			Distance: rapid.Uint8Min(1).Draw(t, "distance"),
			Name:     rapid.SampledFrom([]string{"", "x", "tag", "10"}).Draw(t, "name"),
			Tag:      rapid.Uint32().Draw(t, "tag"),
		}
		if rapid.Bool().Draw(t, "out") {
			r.Interface = rapid.SampledFrom([]string{"GigabitEthernet0/1", "Null0", "eth0", "wg0"}).Draw(t, "interface")
		}
		if r.Interface == "" || rapid.Bool().Draw(t, "via") {
			r.NextHop = address(t, "next hop")
		}
		return r
	}, func(r Route) string { return fmt.Sprint(r.Prefix, r.NextHop, r.Interface) })
}
