package policy

import (
	"net/netip"
	"testing"

	"qmidle/internal/isakmp"
)

func TestIdentityMatches(t *testing.T) {
	address := func(s string) Identity { return AddressIdentity(netip.MustParseAddr(s)) }
	user := func(s string) Identity { return Identity{isakmp.IDUserFQDN, s} }
	group := Identity{isakmp.IDKeyID, "branch.example.com"}
	within := func(s string) IdentityMatch {
		return IdentityMatch{Type: isakmp.IDIPv4Addr, Prefix: netip.MustParsePrefix(s)}
	}
	host := IdentityMatch{Type: isakmp.IDFQDN, Name: "branch.example.com"}
	domain := IdentityMatch{Type: isakmp.IDFQDN, Name: "example.com", Domain: true}
	someone := IdentityMatch{Type: isakmp.IDUserFQDN, Name: "admin@example.com"}
	anyone := IdentityMatch{Type: isakmp.IDUserFQDN, Name: "example.com", Domain: true}
	for _, x := range []struct {
		name string
		m    IdentityMatch
		i    Identity
		near int
		ok   bool
	}{
		{"one address", within("192.0.2.7/32"), address("192.0.2.7"), 32, true},
		{"another address", within("192.0.2.7/32"), address("192.0.2.8"), 0, false},
		{"a range", within("192.0.2.0/24"), address("192.0.2.8"), 24, true},
		{"every address", within("0.0.0.0/0"), address("198.51.100.1"), 0, true},
		{"no IPv6 address", within("0.0.0.0/0"), address("2001:db8::7"), 0, false},
		{"no name for an address", within("0.0.0.0/0"), FQDNIdentity("192.0.2.7"), 0, false},
		{"an address of three octets", within("0.0.0.0/0"), Identity{isakmp.IDIPv4Addr, "abc"}, 0, false},
		{"a host", host, FQDNIdentity("branch.example.com"), Exactly, true},
		{"in capitals", host, FQDNIdentity("BRANCH.Example.COM"), Exactly, true},
		{"another host", host, FQDNIdentity("branch.example.org"), 0, false},
		{"a host that begins so", host, FQDNIdentity("branch.example.com.evil"), 0, false},
		{"a host as a user", host, user("branch.example.com"), 0, false},
		{"a host as a group", host, group, 0, false},
		{"a letter that looks like another", IdentityMatch{Type: isakmp.IDFQDN, Name: "kiosk"}, FQDNIdentity("\u212aios\u212a"), 0, false},
		{"a host of the domain", domain, FQDNIdentity("branch.example.com"), 11, true},
		{"one further below", domain, FQDNIdentity("a.b.Example.com"), 11, true},
		{"the domain itself", domain, FQDNIdentity("example.com"), 11, true},
		{"a domain that ends so", domain, FQDNIdentity("badexample.com"), 0, false},
		{"a shorter name", domain, FQDNIdentity("com"), 0, false},
		{"a user of the domain as a host", domain, user("admin@example.com"), 0, false},
		{"a user", someone, user("Admin@example.com"), Exactly, true},
		{"another user", someone, user("root@example.com"), 0, false},
		{"a user of the domain", anyone, user("root@example.com"), 11, true},
		{"a user of a host below", anyone, user("root@mail.example.com"), 11, true},
		{"a user of another domain", anyone, user("example.com@evil.org"), 0, false},
		{"a user of two hosts", anyone, user("x@example.com@evil.org"), 0, false},
		{"a user of no host", anyone, user("example.com"), 0, false},
	} {
		near, ok := x.m.Matches(x.i)
		if ok != x.ok || ok && near != x.near {
			t.Errorf("%s: %d, %v; want %d, %v", x.name, near, ok, x.near, x.ok)
		}
	}
}
