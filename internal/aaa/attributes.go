package aaa

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/radius"
	"qmidle/internal/secret"
)

// attributes are what a server gives a user or a group.
type attributes struct {
	Group
	userGroup string // ipsec:user-vpn-group: the only group a user may be in
}

// Values of attributes that are no value.
var (
	selectedByUser   = netip.MustParseAddr("255.255.255.255") // RFC 2865 section 5.8
	selectedByServer = netip.MustParseAddr("255.255.255.254")
)

// maxNames bounds the lists that a server may give.
const maxNames = 64

// attributesOf reads what is of use in an Access-Accept. What it does not know
// is left out, as is what is malformed: a server's attributes are for many kinds
// of clients.
func attributesOf(p *radius.Packet) attributes {
	var a attributes
	if addr := p.Addr(radius.FramedIPAddress); addr != selectedByUser && addr != selectedByServer {
		a.Policy.Address = addr
	}
	a.Policy.Netmask = p.Addr(radius.FramedIPNetmask)
	for _, c := range p.All(radius.Class) {
		a.Policy.Class = append(a.Policy.Class, append([]byte(nil), c...))
	}
	a.Policy.SessionTimeout = seconds(p, radius.SessionTimeout)
	a.Policy.IdleTimeout = seconds(p, radius.IdleTimeout)
	a.Policy.Interim = seconds(p, radius.AcctInterimInterval)
	for _, pair := range p.Cisco() {
		a.pair(pair)
	}
	return a
}

func seconds(p *radius.Packet, t radius.Type) time.Duration {
	v, _ := p.Uint(t)
	return time.Duration(v) * time.Second
}

// pair reads one of Cisco's pairs. "=" and "*" are as good as each other: the
// latter says that the client may ignore it.
func (a *attributes) pair(pair string) {
	protocol, rest, ok := strings.Cut(pair, ":")
	at := strings.IndexAny(rest, "=*")
	if !ok || at < 0 || !strings.EqualFold(protocol, "ipsec") && !strings.EqualFold(protocol, "ip") {
		return
	}
	name, value := strings.ToLower(rest[:at]), strings.TrimSpace(rest[at+1:])
	c := &a.Policy
	switch name {
	case "tunnel-password":
		a.Key = secret.FromString(value)
	case "user-vpn-group":
		a.userGroup = value
	case "addr-pool":
		c.Pool = value
	case "default-domain":
		c.Domain = value
	case "dns-servers":
		c.DNS = addresses(value, 2)
	case "wins-servers":
		c.WINS = addresses(value, 2)
	case "netmask":
		c.Netmask, _ = parseAddr(value)
	case "inacl":
		c.SplitName = value
	case "split-include", "route-set":
		c.Split = appendNetworks(c.Split, value)
	case "split-dns":
		c.SplitDNS = appendNames(c.SplitDNS, value)
	case "banner":
		c.Banner = value
	case "ipsec-backup-gateway":
		c.BackupServers = append(c.BackupServers, addresses(value, maxNames-len(c.BackupServers))...)
	case "save-password":
		c.SavePassword = on(value)
	case "include-local-lan":
		c.IncludeLocalLAN = on(value)
	case "pfs":
		c.PFS = on(value)
	case "group-lock":
		a.Lock = on(value)
	case "max-users":
		a.MaxUsers, _ = strconv.Atoi(value)
	case "max-logins":
		a.MaxLogins, _ = strconv.Atoi(value)
	case "timeout":
		c.SessionTimeout = numberOfSeconds(value, c.SessionTimeout)
	case "idletime":
		c.IdleTimeout = numberOfSeconds(value, c.IdleTimeout)
	}
}

func on(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

func numberOfSeconds(value string, otherwise time.Duration) time.Duration {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	return a, err == nil && a.Is4()
}

// addresses reads some with blanks or commas between.
func addresses(value string, most int) (all []netip.Addr) {
	for _, word := range fields(value) {
		if a, ok := parseAddr(word); ok && len(all) < most {
			all = append(all, a)
		}
	}
	return all
}

func fields(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
}

func appendNames(to []string, value string) []string {
	for _, word := range fields(value) {
		if len(to) < maxNames {
			to = append(to, word)
		}
	}
	return to
}

// appendNetworks reads networks as "10.0.0.0/8" or "10.0.0.0 255.0.0.0"; before
// one of the latter Cisco writes "prefix".
func appendNetworks(to []ike.SplitNetwork, value string) []ike.SplitNetwork {
	words := fields(strings.TrimPrefix(value, "prefix "))
	for i := 0; i < len(words) && len(to) < maxNames; i++ {
		if p, err := netip.ParsePrefix(words[i]); err == nil && p.Addr().Is4() {
			to = append(to, ike.SplitNetwork{Network: p.Masked()})
			continue
		}
		a, ok := parseAddr(words[i])
		if !ok || i+1 == len(words) {
			continue
		}
		if m, ok := parseAddr(words[i+1]); ok {
			if p, ok := prefixOf(a, m); ok {
				to = append(to, ike.SplitNetwork{Network: p})
			}
			i++
		}
	}
	return to
}

// prefixOf is an address with its mask, and false for a mask with holes.
func prefixOf(a, mask netip.Addr) (netip.Prefix, bool) {
	m := bits(mask)
	n := 0
	for m&(1<<31) != 0 {
		m <<= 1
		n++
	}
	return netip.PrefixFrom(a, n).Masked(), m == 0
}
