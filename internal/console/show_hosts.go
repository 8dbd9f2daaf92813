package console

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
)

// Resolver is what a Router may have besides: the host names of its peers and
// keys, which it resolves.
type Resolver interface {
	HostNames() []HostName
	// HostAddresses are those of one name, in the order of use; none while it is
	// not resolved.
	HostAddresses(name string) []netip.Addr
}

// HostName is a host name that the configuration uses.
type HostName struct {
	Name      string
	Addresses []netip.Addr
	Static    bool      // by `ip host`
	Answered  time.Time // by DNS, last; zero for never
	Problem   string    // of the last lookup; "" for none
}

// Hosts is show hosts: how names are resolved, those of `ip host`, and those that
// DNS was asked for.
type Hosts struct {
	Domain      string       `json:"default_domain"`
	Lookup      bool         `json:"domain_lookup"`
	NameServers []netip.Addr `json:"name_servers"` // none: the host's own
	Hosts       []HostLine   `json:"hosts"`
}

// HostLine is one name. Age counts from the last answer.
type HostLine struct {
	Host      string       `json:"host"`
	Addresses []netip.Addr `json:"addresses"`
	Permanent bool         `json:"permanent"` // by `ip host`
	Age       int64        `json:"age_seconds"`
	Problem   string       `json:"problem,omitempty"` // why the last lookup failed
}

func hosts(r Router) Hosts {
	cfg := r.Config()
	view := Hosts{Domain: cfg.DomainName, Lookup: !cfg.NoLookup, NameServers: append([]netip.Addr{}, cfg.NameServers...), Hosts: []HostLine{}}
	for _, h := range cfg.Hosts {
		view.Hosts = append(view.Hosts, HostLine{Host: h.Name, Addresses: append([]netip.Addr{}, h.Addrs...), Permanent: true})
	}
	names, ok := r.(Resolver)
	if !ok {
		return view
	}
	for _, h := range names.HostNames() {
		if h.Static {
			continue
		}
		line := HostLine{Host: h.Name, Addresses: append([]netip.Addr{}, h.Addresses...), Problem: h.Problem}
		if !h.Answered.IsZero() {
			line.Age = int64(r.Now().Sub(h.Answered) / time.Second)
		}
		view.Hosts = append(view.Hosts, line)
	}
	return view
}

// Text is IOS's listing, whose age is in hours.
func (v Hosts) Text() string {
	var b strings.Builder
	domain := v.Domain
	if domain == "" {
		domain = "not set"
	}
	fmt.Fprintf(&b, "Default domain is %s\n", domain)
	if v.Lookup {
		b.WriteString("Name/address lookup uses domain service\n")
	} else {
		b.WriteString("Name/address lookup uses static mappings\n")
	}
	servers := "the host's own"
	if len(v.NameServers) > 0 {
		servers = joined(v.NameServers, ", ")
	}
	if v.Lookup {
		fmt.Fprintf(&b, "Name servers are %s\n", servers)
	}
	b.WriteString("\nCodes: UN - unknown, EX - expired, OK - OK, ?? - revalidate\n" +
		"       temp - temporary, perm - permanent\n       NA - Not Applicable None - Not defined\n\n" +
		"Host                      Port  Flags      Age Type   Address(es)\n")
	for _, h := range v.Hosts {
		fmt.Fprintf(&b, "%-25s None  %-10s %2d   IP      %s\n", h.Host, h.flags(), h.Age/3600, joined(h.Addresses, " "))
	}
	return b.String()
}

// flags are IOS's: a name whose last lookup failed is to be looked up again, and
// one without an address is unknown.
func (h HostLine) flags() string {
	switch {
	case h.Permanent:
		return "(perm, OK)"
	case len(h.Addresses) == 0:
		return "(temp, UN)"
	case h.Problem != "":
		return "(temp, ??)"
	}
	return "(temp, OK)"
}

func joined(addrs []netip.Addr, between string) string {
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, between)
}

// hostAddresses are those of a name; none where it is not resolved.
func hostAddresses(r Router, name string) []netip.Addr {
	if names, ok := r.(Resolver); ok {
		return names.HostAddresses(name)
	}
	return nil
}

// peersOf are the `set peer` lines of a crypto map entry.
func peersOf(cfg *config.Config, name string, seq int) []config.Peer {
	if e := cfg.CryptoMap(name).Entry(seq); e != nil {
		return e.Peers
	}
	return nil
}

// unresolved are the names of a connection's peers that have no address.
func unresolved(r Router, c *ike.Connection) (names []string) {
	for _, p := range peersOf(r.Config(), c.Map, c.Seq) {
		if p.Host != "" && len(hostAddresses(r, p.Host)) == 0 {
			names = append(names, p.Host)
		}
	}
	return names
}

// peerNamed is an address, or the name of a peer that has none.
func peerNamed(a netip.Addr, name string) string {
	if !a.IsValid() && name != "" {
		return name
	}
	return addressText(a)
}
