package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// writer collects the lines of a running configuration.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// RunningConfig is the text of `show running-config`, pre-shared keys in clear
// as IOS shows them. Load reads it back to an equal Config.
func (c *Config) RunningConfig() string {
	var w writer
	c.writeSystem(&w)
	c.writePKI(&w)
	c.writeISAKMP(&w)
	c.writeIPsec(&w)
	c.writeMaps(&w)
	for _, i := range c.Interfaces {
		i.write(&w)
	}
	c.writePools(&w)
	for _, r := range c.Routes {
		w.line("%s", r)
	}
	if len(c.Routes) > 0 {
		w.line("!")
	}
	for _, l := range c.AccessLists {
		l.write(&w)
	}
	c.writeRADIUS(&w)
	w.line("end")
	body := "!\n" + w.String()
	return fmt.Sprintf("Building configuration...\n\nCurrent configuration : %d bytes\n%s", len(body), body)
}

func (c *Config) writeSystem(w *writer) {
	if c.Version != "" {
		w.line("version %s", c.Version)
	}
	if c.TimestampsDebug.Form != TimestampsOff {
		w.line("service timestamps debug %s", c.TimestampsDebug)
	}
	w.line("!")
	w.line("hostname %s", c.Hostname)
	w.line("!")
	c.writeAAA(w)
	c.writeNames(w)
	if c.DataPlane != (DataPlane{}) {
		w.line("qmidle data-plane %s", c.DataPlane)
		w.line("!")
	}
	if r := c.ISAKMP.Retransmission; r != defaultRetransmission {
		w.line("qmidle retransmission interval %d tries %d", inSeconds(r.Interval), r.Tries)
		w.line("!")
	}
}

// String is the command's last words.
func (t Timestamps) String() string {
	if t.Form == TimestampsUptime {
		return "uptime"
	}
	s := "datetime"
	for _, o := range []struct {
		on   bool
		word string
	}{{t.Msec, " msec"}, {t.Localtime, " localtime"}, {t.ShowTimezone, " show-timezone"}, {t.Year, " year"}} {
		if o.on {
			s += o.word
		}
	}
	return s
}

func inSeconds(d time.Duration) int { return int(d / time.Second) }

func (c *Config) writeISAKMP(w *writer) {
	k := c.ISAKMP
	if !k.Enabled {
		w.line("no crypto isakmp enable")
	}
	if k.MaxSAs > 0 {
		w.line("crypto call admission limit ike sa %d", k.MaxSAs)
	}
	if k.MaxNegotiating > 0 {
		w.line("crypto call admission limit ike in-negotiation-sa %d", k.MaxNegotiating)
	}
	if c.LogSessions {
		w.line("crypto logging session")
	}
	if k.DefaultPolicy {
		w.line("crypto isakmp default policy")
	}
	if len(c.Keyrings) > 0 {
		for _, r := range c.Keyrings {
			r.write(w)
		}
		w.line("!")
	}
	for _, p := range k.Policies {
		p.write(w)
	}
	for _, key := range k.Keys {
		w.line("%s", key.command())
	}
	switch k.Identity {
	case IdentityDN:
		w.line("crypto isakmp identity dn")
	case IdentityHostname:
		w.line("crypto isakmp identity hostname")
	}
	if p := k.Keepalive; p != nil {
		w.line("crypto isakmp keepalive %d%s", inSeconds(p.Interval), p.options())
	}
	if k.NATKeepalive > 0 {
		w.line("crypto isakmp nat keepalive %d", inSeconds(k.NATKeepalive))
	}
	if !k.AggressiveMode {
		w.line("crypto isakmp aggressive-mode disable")
	}
	switch k.Fragmentation {
	case 0:
	case defaultFragmentMTU:
		w.line("crypto isakmp fragmentation")
	default:
		w.line("crypto isakmp fragmentation mtu %d", k.Fragmentation)
	}
	if k.SPIRecovery {
		w.line("crypto isakmp invalid-spi-recovery")
	}
	if k.XauthTimeout != defaultXauthTimeout {
		w.line("crypto isakmp xauth timeout %d", inSeconds(k.XauthTimeout))
	}
	if k.AddressPool != "" {
		w.line("crypto isakmp client configuration address-pool local %s", k.AddressPool)
	}
	for _, g := range c.ClientGroups {
		w.line("!")
		g.write(w)
	}
	for _, p := range k.Peers {
		w.line("!")
		p.write(w)
	}
	for _, p := range c.Profiles {
		p.write(w)
	}
	w.line("!")
}

func (p *Keepalive) options() string {
	s := ""
	if p.Retry != 2*time.Second {
		s = fmt.Sprintf(" %d", inSeconds(p.Retry))
	}
	if p.Periodic {
		s += " periodic"
	}
	return s
}

// write shows a policy. IOS leaves out what is at its default.
func (p Policy) write(w *writer) {
	fresh := newPolicy(p.Priority)
	w.line("crypto isakmp policy %d", p.Priority)
	if p.Encryption != fresh.Encryption {
		w.line(" encr %s", EncryptionName(p.Encryption, p.KeyBits))
	}
	if p.Hash != fresh.Hash {
		w.line(" hash %s", HashName(p.Hash))
	}
	if p.Auth != fresh.Auth {
		w.line(" authentication %s", AuthName(p.Auth))
	}
	if p.Group != fresh.Group {
		w.line(" group %d", p.Group)
	}
	if p.Lifetime != fresh.Lifetime {
		w.line(" lifetime %d", p.Lifetime)
	}
}

// EncryptionName is a phase 1 cipher's words in a policy: "des", "aes 256".
func EncryptionName(e isakmp.EncryptionAlgorithm, bits uint16) string {
	switch e {
	case isakmp.EncrDESCBC:
		return "des"
	case isakmp.Encr3DESCBC:
		return "3des"
	case isakmp.EncrAESCBC:
		return "aes" + keyBits(bits)
	}
	return "cipher " + strconv.Itoa(int(e))
}

// keyBits is the key length after an AES cipher; IOS shows none for 128.
func keyBits(bits uint16) string {
	if bits == 0 || bits == 128 {
		return ""
	}
	return " " + strconv.Itoa(int(bits))
}

// HashName is a phase 1 hash's word in a policy.
func HashName(h isakmp.HashAlgorithm) string {
	switch h {
	case isakmp.HashMD5:
		return "md5"
	case isakmp.HashSHA1:
		return "sha"
	case isakmp.HashSHA256:
		return "sha256"
	case isakmp.HashSHA384:
		return "sha384"
	case isakmp.HashSHA512:
		return "sha512"
	}
	return "hash " + strconv.Itoa(int(h))
}

// AuthName is an authentication method's word in a policy.
func AuthName(a isakmp.AuthMethod) string {
	switch a {
	case isakmp.AuthPSK:
		return "pre-share"
	case isakmp.AuthRSASig:
		return "rsa-sig"
	case isakmp.AuthRSAEnc:
		return "rsa-encr"
	case isakmp.AuthECDSA256:
		return "ecdsa-sig"
	}
	return "authentication " + strconv.Itoa(int(a))
}

// command is the key's whole line, with the blanks that IOS leaves at its end.
func (k PresharedKey) command() string {
	s := "crypto isakmp key " + k.word()
	switch {
	case k.Hostname != "":
		s += " hostname " + k.Hostname
	case k.Mask == 32:
		s += " address " + k.Addr.String()
	default:
		s += " address " + k.Addr.String() + " " + mask(k.Mask).String()
	}
	if k.NoXauth {
		return s + " no-xauth"
	}
	if k.Hostname == "" && k.Mask == 32 {
		s += "  "
	}
	return s
}

// word is the key, in clear. One that would be read as the kind of key has its
// kind before it.
func (k PresharedKey) word() string {
	return keyWordOf(k.Key)
}

func keyWordOf(s secret.Secret) string {
	key := string(s.Reveal())
	if key == "0" || key == "6" {
		return "0 " + key
	}
	return key
}

func (c *Config) writeIPsec(w *writer) {
	p, fresh := c.IPsec, New().IPsec
	if p.LifetimeSeconds != fresh.LifetimeSeconds {
		w.line("crypto ipsec security-association lifetime seconds %d", p.LifetimeSeconds)
	}
	if p.LifetimeKilobytes != fresh.LifetimeKilobytes {
		w.line("crypto ipsec security-association lifetime kilobytes %s", kilobytes(p.LifetimeKilobytes))
	}
	if p.IdleTime > 0 {
		w.line("crypto ipsec security-association idle-time %d", inSeconds(p.IdleTime))
	}
	if p.ReplayWindow != fresh.ReplayWindow {
		w.line("crypto ipsec security-association replay %s", replay(p.ReplayWindow))
	}
	switch p.DFBit {
	case DFSet:
		w.line("crypto ipsec df-bit set")
	case DFClear:
		w.line("crypto ipsec df-bit clear")
	}
	if p.FragmentAfter {
		w.line("crypto ipsec fragmentation after-encryption")
	}
	for _, t := range c.TransformSets {
		w.line("crypto ipsec transform-set %s %s ", t.Name, strings.Join(t.Transforms(), " "))
		if t.Transport {
			w.line(" mode transport")
		} else {
			w.line(" mode tunnel")
		}
	}
	w.line("!")
	for _, v := range c.EasyVPNs {
		v.write(w)
		w.line("!")
	}
}

func kilobytes(v uint32) string {
	if v == 0 {
		return "disable"
	}
	return strconv.FormatUint(uint64(v), 10)
}

func replay(window uint32) string {
	if window == 0 {
		return "disable"
	}
	return "window-size " + strconv.FormatUint(uint64(window), 10)
}

// Transforms are the set's transforms in IOS's words and order: "esp-aes 256",
// "esp-sha-hmac".
func (t *TransformSet) Transforms() []string {
	var words []string
	for _, c := range ciphers {
		if c.cipher == t.Cipher {
			words = append(words, c.text+keyBits(t.KeyBits))
		}
	}
	for _, a := range authenticators {
		if a.auth == t.Auth {
			words = append(words, a.text)
		}
	}
	return words
}

func (c *Config) writeMaps(w *writer) {
	for _, d := range c.DynamicMaps {
		for _, e := range d.Entries {
			w.line("crypto dynamic-map %s %d", d.Name, e.Seq)
			e.write(w)
		}
		w.line("!")
	}
	for _, m := range c.CryptoMaps {
		if m.LocalAddress != "" {
			w.line("crypto map %s local-address %s", m.Name, m.LocalAddress)
		}
		m.Client.write(w, "crypto map "+m.Name+" ")
		if m.Profile != "" {
			w.line("crypto map %s isakmp-profile %s", m.Name, m.Profile)
		}
		for _, e := range m.Entries {
			if e.Dynamic != "" {
				w.line("crypto map %s %d ipsec-isakmp dynamic %s ", m.Name, e.Seq, e.Dynamic)
				continue
			}
			w.line("crypto map %s %d ipsec-isakmp ", m.Name, e.Seq)
			e.write(w)
		}
		w.line("!")
	}
}

// write shows the lines below an entry.
func (e *CryptoMapEntry) write(w *writer) {
	if e.Description != "" {
		w.line(" description %s", e.Description)
	}
	for _, p := range e.Peers {
		w.line(" set peer %s", p.words())
	}
	if e.LifetimeSeconds != nil {
		w.line(" set security-association lifetime seconds %d", *e.LifetimeSeconds)
	}
	if e.LifetimeKilobytes != nil {
		w.line(" set security-association lifetime kilobytes %s", kilobytes(*e.LifetimeKilobytes))
	}
	switch {
	case e.IdleToDefault:
		w.line(" set security-association idle-time %d default", inSeconds(e.IdleTime))
	case e.IdleTime > 0:
		w.line(" set security-association idle-time %d", inSeconds(e.IdleTime))
	}
	if e.ReplayWindow != nil {
		w.line(" set security-association replay %s", replay(*e.ReplayWindow))
	}
	if len(e.TransformSets) > 0 {
		w.line(" set transform-set %s ", strings.Join(e.TransformSets, " "))
	}
	if e.PFS != isakmp.GroupNone {
		w.line(" set pfs group%d", e.PFS)
	}
	if e.Profile != "" {
		w.line(" set isakmp-profile %s", e.Profile)
	}
	if r := e.ReverseRoute; r.Distance != 0 {
		w.line(" set reverse-route distance %d", r.Distance)
	}
	if r := e.ReverseRoute; r.Tag != 0 {
		w.line(" set reverse-route tag %d", r.Tag)
	}
	if e.ACL != "" {
		w.line(" match address %s", e.ACL)
	}
	if e.ReverseRoute.On {
		w.line(" reverse-route%s", e.ReverseRoute.options())
	}
}

func (r ReverseRoute) options() (words string) {
	if r.NextHop.IsValid() {
		words += " remote-peer " + r.NextHop.String()
	}
	if r.Static {
		words += " static"
	}
	return words
}

// words are the peer with what stands behind it.
func (p Peer) words() string {
	s := p.String()
	if p.Dynamic {
		s += " dynamic"
	}
	if p.Default {
		s += " default"
	}
	return s
}

func (i *Interface) write(w *writer) {
	w.line("interface %s", i.Name)
	if i.Description != "" {
		w.line(" description %s", i.Description)
	}
	for n, a := range i.Addresses {
		suffix := ""
		if n > 0 {
			suffix = " secondary"
		}
		w.line(" ip address %s %s%s", a.Addr(), mask(a.Bits()), suffix)
	}
	switch {
	case i.Learned == AddressDHCP:
		w.line(" ip address dhcp")
	case i.Learned == AddressNegotiated:
		w.line(" ip address negotiated")
	case len(i.Addresses) == 0:
		w.line(" no ip address")
	}
	if i.AdjustMSS != 0 {
		w.line(" ip tcp adjust-mss %d", i.AdjustMSS)
	}
	if i.Shutdown {
		w.line(" shutdown")
	}
	if i.CryptoMap != "" {
		w.line(" crypto map %s", i.CryptoMap)
	}
	if i.EasyVPN != "" && i.EasyVPNInside {
		w.line(" crypto ipsec client ezvpn %s inside", i.EasyVPN)
	} else if i.EasyVPN != "" {
		w.line(" crypto ipsec client ezvpn %s", i.EasyVPN)
	}
	w.line("!")
}

// String is the route's whole line.
func (r Route) String() string {
	words := []string{"ip route", prefixWords(r.Prefix)}
	if r.Interface != "" {
		words = append(words, r.Interface)
	}
	if r.NextHop.IsValid() {
		words = append(words, r.NextHop.String())
	}
	if r.Distance != 1 {
		words = append(words, strconv.Itoa(int(r.Distance)))
	}
	if r.Tag != 0 {
		words = append(words, "tag "+strconv.FormatUint(uint64(r.Tag), 10))
	}
	if r.Name != "" {
		words = append(words, "name "+r.Name)
	}
	return strings.Join(words, " ")
}

func prefixWords(p netip.Prefix) string { return p.Addr().String() + " " + mask(p.Bits()).String() }

// write shows the list as IOS does. A numbered list whose sequence numbers are
// not 10, 20, 30 is shown in the named form, which has them.
func (l *AccessList) write(w *writer) {
	if _, err := strconv.Atoi(l.Name); err == nil && l.regular() && len(l.Entries)+len(l.Remarks) > 0 {
		l.writeLines(w, "access-list "+l.Name+" ", "%-6s ", false)
	} else {
		w.line("ip access-list extended %s", l.Name)
		l.writeLines(w, " ", "%s ", !l.regular())
	}
	w.line("!")
}

// regular says whether the entries have the numbers that they would be given.
func (l *AccessList) regular() bool {
	for i, e := range l.Entries {
		if e.Seq != 10*(i+1) {
			return false
		}
	}
	return true
}

func (l *AccessList) writeLines(w *writer, before, action string, numbers bool) {
	for _, e := range l.Entries {
		for _, r := range e.Remarks {
			w.line("%sremark %s", before, r)
		}
		number := ""
		if numbers {
			number = strconv.Itoa(e.Seq) + " "
		}
		w.line("%s%s"+action+"%s", before, number, e.action(), e.packets())
	}
	for _, r := range l.Remarks {
		w.line("%sremark %s", before, r)
	}
}

func (x *ACLEntry) action() string {
	if x.Permit {
		return "permit"
	}
	return "deny"
}

// String is the entry as `show access-lists` has it, without its number.
func (x *ACLEntry) String() string { return x.action() + " " + x.packets() }

func (x *ACLEntry) packets() string {
	ports := map[uint8][]namedValue{6: tcpPorts, 17: udpPorts}[x.Protocol]
	s := named(protocols, uint64(x.Protocol)) + " " + x.Src.String() + x.SrcPort.words(ports) + " " + x.Dst.String() + x.DstPort.words(ports)
	if x.ICMP.HasType {
		s += x.ICMP.words()
	}
	if x.Established {
		s += " established"
	}
	if x.Log {
		s += " log"
	}
	return s
}

// named is the word for a number, or the number.
func named(names []namedValue, v uint64) string {
	for _, n := range names {
		if n.value == v {
			return n.text
		}
	}
	return strconv.FormatUint(v, 10)
}

// String is `any`, `host A` or `A WILDCARD`.
func (m AddrMatch) String() string {
	switch {
	case m.Any():
		return "any"
	case m.Host():
		return "host " + m.Addr.String()
	}
	return m.Addr.String() + " " + m.Wildcard.String()
}

func (m PortMatch) words(names []namedValue) string {
	lo := named(names, uint64(m.Lo))
	switch m.Op {
	case PortEq:
		return " eq " + lo
	case PortNeq:
		return " neq " + lo
	case PortGt:
		return " gt " + lo
	case PortLt:
		return " lt " + lo
	case PortRange:
		return " range " + lo + " " + named(names, uint64(m.Hi))
	}
	return ""
}

func (m ICMPMatch) words() string {
	code := -1
	if m.HasCode {
		code = int(m.Code)
	}
	for _, n := range icmpMessages {
		if n.typ == int(m.Type) && n.code == code {
			return " " + n.text
		}
	}
	if code < 0 {
		return fmt.Sprintf(" %d", m.Type)
	}
	return fmt.Sprintf(" %d %d", m.Type, code)
}

func groupNumber(g isakmp.Group) string { return strconv.Itoa(int(g)) }
