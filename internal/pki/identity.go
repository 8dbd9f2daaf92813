package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/isakmp"
)

// CheckIdentity says whether an identity, as an ID payload carries it, stands in
// a certificate (RFC 4945 section 3.1): an address among its iPAddress names, an
// FQDN among its dNSName, a user FQDN among its rfc822Name, a DN as its subject.
// What Cisco's routers write into the subject instead counts too:
// unstructuredAddress and unstructuredName. Wildcards do not.
func CheckIdentity(c *x509.Certificate, kind isakmp.IDType, data []byte) Verdict {
	v := Verdict{Certificate: c}
	var match bool
	switch kind {
	case isakmp.IDIPv4Addr, isakmp.IDIPv6Addr:
		addr, ok := netip.AddrFromSlice(data)
		if !ok || addr.Is4() != (kind == isakmp.IDIPv4Addr) {
			return Verdict{Reason: Malformed, Certificate: c, Problem: "the identity is no address"}
		}
		v.Identity, v.Names = "the address "+addr.String(), Addresses(c)
		match = slices.Contains(v.Names, addr.String())
	case isakmp.IDFQDN:
		v.Identity, v.Names = "the name "+printable(string(data)), HostNames(c)
		match = plainName(data) && slices.ContainsFunc(v.Names, func(n string) bool { return strings.EqualFold(n, string(data)) })
	case isakmp.IDUserFQDN:
		v.Identity, v.Names = "the user "+printable(string(data)), Mailboxes(c)
		match = plainName(data) && slices.ContainsFunc(v.Names, func(n string) bool { return sameMailbox(n, string(data)) })
	case isakmp.IDDERASN1DN:
		v.Identity, v.Names = "the name "+RawName(data), []string{RawName(c.RawSubject)}
		match = SameName(c.RawSubject, data)
	default:
		v.Identity = fmt.Sprintf("an identity of %s", kind)
	}
	if !match {
		v.Reason = IdentityNotInCertificate
	}
	return v
}

// plainName refuses a name with a byte that cuts it short elsewhere: NUL above
// all.
func plainName[T string | []byte](name T) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}

// Addresses are those that a certificate names.
func Addresses(c *x509.Certificate) []string {
	var all []string
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			all = append(all, a.Unmap().String())
		}
	}
	for _, text := range subjectValues(c, oidUnstructuredAddress) {
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, a.String())
		}
	}
	return unique(all)
}

// HostNames are the fully qualified ones that a certificate names. Those with a
// byte that no host name has are left out.
func HostNames(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, subjectValues(c, oidUnstructuredName))
	return unique(slices.DeleteFunc(names, func(n string) bool { return !plainName(n) || strings.ContainsRune(n, '*') }))
}

// Mailboxes are the user names that a certificate has.
func Mailboxes(c *x509.Certificate) []string {
	names := slices.Concat(c.EmailAddresses, subjectValues(c, oidEmail))
	return unique(slices.DeleteFunc(names, func(n string) bool { return !plainName(n) }))
}

func subjectValues(c *x509.Certificate, of asn1.ObjectIdentifier) []string {
	var all []string
	for _, a := range c.Subject.Names {
		if text, ok := a.Value.(string); ok && a.Type.Equal(of) {
			all = append(all, text)
		}
	}
	return all
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// sameMailbox compares the part behind the @ without case (RFC 5280 section
// 7.5).
func sameMailbox(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	if i < 0 || j < 0 {
		return a == b
	}
	return a[:i] == b[:j] && strings.EqualFold(a[i:], b[j:])
}

// SameName compares two distinguished names: byte for byte, or part for part
// without case and with runs of blanks as one (RFC 5280 section 7.1).
func SameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err1 := parseName(a)
	y, err2 := parseName(b)
	if err1 != nil || err2 != nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		if !sameRDN(x[i], y[i]) {
			return false
		}
	}
	return true
}

func sameRDN(a, b pkix.RelativeDistinguishedNameSET) bool {
	if len(a) != len(b) {
		return false
	}
	return !slices.ContainsFunc(a, func(x pkix.AttributeTypeAndValue) bool {
		return !slices.ContainsFunc(b, func(y pkix.AttributeTypeAndValue) bool { return sameAttribute(x, y) })
	})
}

func sameAttribute(a, b pkix.AttributeTypeAndValue) bool {
	x, ok1 := a.Value.(string)
	y, ok2 := b.Value.(string)
	if !ok1 || !ok2 || strings.ContainsRune(x, 0) {
		return false
	}
	return a.Type.Equal(b.Type) && strings.EqualFold(strings.Join(strings.Fields(x), " "), strings.Join(strings.Fields(y), " "))
}
