package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
)

type extensionValue = pkix.Extension

func TestIdentities(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("r1", pkitest.ECKey(), pkitest.Hosts("R1.example.com", "*.example.org", "bank.example\x00.evil.example"), address("192.0.2.1"),
		func(c *x509.Certificate) {
			c.EmailAddresses = []string{"Alice@Example.com"}
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{
				{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 2}, Value: "cisco.example.com"},
				{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 8}, Value: "198.51.100.7"},
			}
		}).Cert
	twin := root.Issue("R1", pkitest.ECKey(), func(x *x509.Certificate) {
		x.Subject.ExtraNames = []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 2}, Value: "CISCO.example.com"},
			{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 8}, Value: "198.51.100.7"},
		}
	}).Cert
	for _, test := range []struct {
		kind isakmp.IDType
		data string
		want pki.Reason
	}{
		{isakmp.IDIPv4Addr, "\xc0\x00\x02\x01", pki.Valid},
		{isakmp.IDIPv4Addr, "\xc6\x33\x64\x07", pki.Valid},
		{isakmp.IDIPv4Addr, "\xc0\x00\x02\x02", pki.IdentityNotInCertificate},
		{isakmp.IDIPv4Addr, "\xc0\x00\x02", pki.Malformed},
		{isakmp.IDFQDN, "r1.EXAMPLE.com", pki.Valid},
		{isakmp.IDFQDN, "cisco.example.com", pki.Valid},
		{isakmp.IDFQDN, "r1.example.org", pki.IdentityNotInCertificate},
		{isakmp.IDFQDN, "*.example.org", pki.IdentityNotInCertificate},
		{isakmp.IDFQDN, "bank.example", pki.IdentityNotInCertificate},
		{isakmp.IDFQDN, "bank.example\x00.evil.example", pki.IdentityNotInCertificate},
		{isakmp.IDFQDN, "", pki.IdentityNotInCertificate},
		{isakmp.IDUserFQDN, "Alice@EXAMPLE.com", pki.Valid},
		{isakmp.IDUserFQDN, "alice@example.com", pki.IdentityNotInCertificate},
		{isakmp.IDDERASN1DN, string(c.RawSubject), pki.Valid},
		{isakmp.IDDERASN1DN, string(twin.RawSubject), pki.Valid},
		{isakmp.IDDERASN1DN, string(root.Cert.RawSubject), pki.IdentityNotInCertificate},
		{isakmp.IDDERASN1DN, "0", pki.IdentityNotInCertificate},
		{isakmp.IDKeyID, "r1", pki.IdentityNotInCertificate},
	} {
		if v := pki.CheckIdentity(c, test.kind, []byte(test.data)); v.Reason != test.want {
			t.Errorf("%v %q: %v, want %v: %s", test.kind, test.data, v.Reason, test.want, v.Text())
		}
	}
	v := pki.CheckIdentity(c, isakmp.IDIPv4Addr, []byte{192, 0, 2, 9})
	want := "the certificate of " + pki.Name(c.Subject) + " (serial " + pki.SerialText(c.SerialNumber) +
		") is not for the address 192.0.2.9: it has 192.0.2.1, 198.51.100.7"
	if v.Text() != want {
		t.Errorf("%s\nwant %s", v.Text(), want)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"CN=r1, OU=VPN, O=Cisco System, C=US", "cn=r1,ou=VPN,o=Cisco System,c=US"},
		{"cn=a\\,b", "cn=a,b"},
		{"cn=r1+serialNumber=12,dc=example,dc=com", "cn=r1+serialNumber=12,dc=example,dc=com"},
		{"emailAddress=a@example.com", "e=a@example.com"},
	} {
		rdns, err := pki.ParseName(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		der, err := asn1.Marshal(rdns)
		if err != nil {
			t.Fatal(err)
		}
		if got := pki.RawName(der); got != test.want {
			t.Errorf("%s: %s, want %s", test.text, got, test.want)
		}
	}
	for _, text := range []string{"", "r1", "cn=", "colour=red", "c=USA"} {
		if _, err := pki.ParseName(text); err == nil {
			t.Errorf("%q is taken for a name", text)
		}
	}
	if got := pki.Name(pkix.Name{CommonName: "a\nb\x1b[2J"}); got != "cn=a.b.[2J" {
		t.Errorf("a name reaches the terminal as it is: %q", got)
	}
}

func TestCertificateMaps(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("r1", pkitest.ECKey(), pkitest.Hosts("r1.example.com"), pkitest.Serial(0x1df9)).Cert
	date := func(s string) pki.Criterion {
		at, err := pki.ParseMapDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return pki.Criterion{Time: at}
	}
	expires := func(op pki.Operator, s string) pki.Criterion {
		x := date(s)
		x.Field, x.Op = pki.FieldExpires, op
		return x
	}
	is := func(f pki.Field, op pki.Operator, v string) pki.Criterion {
		return pki.Criterion{Field: f, Op: op, Value: v}
	}
	for _, test := range []struct {
		m    pki.Map
		want bool
	}{
		{nil, false},
		{pki.Map{{}}, false},
		{pki.Map{{is(pki.FieldSubject, pki.Contains, "O = lab")}}, true},
		{pki.Map{{is(pki.FieldSubject, pki.Equal, "cn=R1, o=Lab")}}, true},
		{pki.Map{{is(pki.FieldSubject, pki.Equal, "cn=r1")}}, false},
		{pki.Map{{is(pki.FieldSubject, pki.NotContains, "cn=r2")}}, true},
		{pki.Map{{is(pki.FieldIssuer, pki.Contains, "cn=root"), is(pki.FieldAltName, pki.Equal, "R1.example.com")}}, true},
		{pki.Map{{is(pki.FieldIssuer, pki.Contains, "cn=root"), is(pki.FieldAltName, pki.Equal, "r2")}}, false},
		{pki.Map{{is(pki.FieldAltName, pki.Equal, "r2")}, {is(pki.FieldSerial, pki.Equal, "1DF9")}}, true},
		{pki.Map{{is(pki.FieldName, pki.NotEqual, "r1.example.com")}}, false},
		{pki.Map{{expires(pki.AtLeast, "Apr 17 2027 19:50:59")}}, true},
		{pki.Map{{expires(pki.Less, "17 Apr 2027 19:50:59 UTC")}}, false},
		{pki.Map{{expires(pki.Equal, "17 4 2027 19:50:59")}}, true},
	} {
		if got := test.m.Matches(c); got != test.want {
			t.Errorf("%+v: %v", test.m, got)
		}
	}
	if _, err := pki.ParseMapDate("tomorrow"); err == nil {
		t.Error("tomorrow is taken for a date")
	}
}
