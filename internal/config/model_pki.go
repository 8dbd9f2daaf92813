package config

import (
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
)

// Trustpoint is one `crypto pki trustpoint`: a CA, and how to get a certificate
// from it.
type Trustpoint struct {
	Name       string
	Enrollment EnrollmentKind
	URL        string // of EnrollURL
	PEM        bool   // `enrollment terminal pem`
	ModeRA     bool   // which IOS keeps and finds out by itself
	Retries    int    // `enrollment retry count`
	Period     int    // `enrollment retry period`: minutes
	Proxy      string // `enrollment http-proxy`: host:port, or ""

	Subject     string         // `subject-name`, as it was written; "" for none
	FQDN        string         // "" for the gateway's own
	NoFQDN      bool           // `fqdn none`
	IPAddress   netip.Addr     // `ip-address`; invalid for none
	IPInterface string         // `ip-address` of an interface
	NoIPAddress bool           // `ip-address none`: enrolment does not ask
	Serial      SerialChoice   // of the gateway in the subject
	Password    Key            // challenge password
	KeyPair     string         // `rsakeypair`; "": the key of the gateway's own name
	KeyBits     int            // 0: as the key is, or 2048
	ECKeyPair   string         // `eckeypair`, in the place of KeyPair
	EncryptBits int            // of a second key; told as unused
	Fingerprint string         // of the CA's certificate, digits only; "" for none
	Hash        EnrollmentHash // of requests
	Usage       string         // `usage ike`, or ""

	Revocation []pki.Method // in the order of use; `crl` alone where none was written
	CRLQuery   string       // `crl query`; "": the certificates' own places
	OCSPURL    string       // `ocsp url`; "": the certificates' own
	NoNonce    bool         // `ocsp disable-nonce`

	AutoEnroll  int  // percent of the validity; 0: off
	Regenerate  bool // with a new key
	ChainParent string
	ChainStop   bool // `chain-validation stop`
	Maps        []MapUse

	// Legacy allows SHA-1 signatures and keys of 1024 bits, and Cipher old
	// encryption of SCEP's messages: `qmidle legacy`, which IOS has no command
	// for.
	Legacy bool
	Cipher EnrollmentCipher
}

// Defaults of `enrollment retry`.
const (
	DefaultRetries = 10
	DefaultPeriod  = 1
)

func newTrustpoint(name string) *Trustpoint {
	return &Trustpoint{Name: name, Retries: DefaultRetries, Period: DefaultPeriod, Revocation: []pki.Method{pki.CheckByCRL}}
}

// EnrollmentKind is where a trustpoint's certificates come from.
type EnrollmentKind uint8

// Kinds of enrolment.
const (
	EnrollNone EnrollmentKind = iota
	EnrollURL                 // SCEP
	EnrollTerminal
	EnrollSelfSigned
)

// SerialChoice is whether the subject has the gateway's serial number.
type SerialChoice uint8

// Choices.
const (
	SerialAsk SerialChoice = iota // enrolment asks
	SerialYes
	SerialNo
)

// EnrollmentHash is `hash`: what requests are signed with.
type EnrollmentHash uint8

// Hashes of requests.
const (
	EnrollSHA256 EnrollmentHash = iota
	EnrollSHA1
	EnrollSHA384
	EnrollSHA512
	EnrollMD5
)

var enrollmentHashes = []string{EnrollSHA256: "sha256", EnrollSHA1: "sha1", EnrollSHA384: "sha384", EnrollSHA512: "sha512", EnrollMD5: "md5"}

// EnrollmentCipher is what SCEP's messages are encrypted with.
type EnrollmentCipher uint8

// Ciphers of SCEP.
const (
	EnrollAES EnrollmentCipher = iota
	Enroll3DES
	EnrollDES
)

var enrollmentCiphers = []string{EnrollAES: "aes", Enroll3DES: "3des", EnrollDES: "des"}

// MapUse is one `match certificate` of a trustpoint.
type MapUse struct {
	Map            string
	AllowExpired   bool // `allow expired-certificate`
	SkipRevocation bool // `skip revocation-check`
}

// Trustpoint returns the one of a name, or nil.
func (c *Config) Trustpoint(name string) *Trustpoint {
	for _, t := range c.Trustpoints {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// GiveKeyPair has a trustpoint use a key pair, and makes it if need be: for one
// that is brought with its certificates.
func (c *Config) GiveKeyPair(name, label string, ec bool) {
	t := c.Trustpoint(name)
	if t == nil {
		t = newTrustpoint(name)
		t.Enrollment = EnrollTerminal
		c.Trustpoints = append(c.Trustpoints, t)
	}
	t.KeyPair, t.KeyBits, t.EncryptBits, t.ECKeyPair = label, 0, 0, ""
	if ec {
		t.KeyPair, t.ECKeyPair = "", label
	}
}

func (c *Config) trustpointNames() []string {
	var all []string
	for _, t := range c.Trustpoints {
		all = append(all, t.Name)
	}
	return all
}

// CertificateMap is the entries of one label, in the order of their numbers.
type CertificateMap struct {
	Label   string
	Entries []*CertificateMapEntry
}

// CertificateMapEntry is one `crypto pki certificate map`.
type CertificateMapEntry struct {
	Seq   int
	Lines []MapLine
}

// MapLine is a criterion, with its value as it was written.
type MapLine struct {
	Criterion pki.Criterion
	Text      string
}

// CertificateMap returns the one of a label, or nil.
func (c *Config) CertificateMap(label string) *CertificateMap {
	for _, m := range c.CertificateMaps {
		if m.Label == label {
			return m
		}
	}
	return nil
}

// Criteria are the map as package pki takes it; nil is one that matches nothing.
func (m *CertificateMap) Criteria() pki.Map {
	if m == nil {
		return nil
	}
	var all pki.Map
	for _, e := range m.Entries {
		var entry pki.MapEntry
		for _, l := range e.Lines {
			entry = append(entry, l.Criterion)
		}
		all = append(all, entry)
	}
	return all
}

// CertificateKind is what a certificate of a chain is.
type CertificateKind uint8

// Kinds of certificate.
const (
	OwnCertificate CertificateKind = iota
	CACertificate
	SelfSignedCertificate
	RASignCertificate
	RAEncryptCertificate
	RolloverCertificate // of the CA, for later
)

var certificateKinds = []string{OwnCertificate: "", CACertificate: "ca", SelfSignedCertificate: "self-signed",
	RASignCertificate: "ra-sign", RAEncryptCertificate: "ra-encrypt", RolloverCertificate: "rollover"}

// String is the word after `certificate`; "" for the gateway's own.
func (k CertificateKind) String() string { return certificateKinds[k] }

// CertificateKindOf is the kind that a word stands for, as String has it.
func CertificateKindOf(word string) (CertificateKind, bool) {
	i := slices.Index(certificateKinds, word)
	return CertificateKind(i), i >= 0
}

// CertificateChain is one `crypto pki certificate chain`: a trustpoint's
// certificates.
type CertificateChain struct {
	Name         string
	Certificates []StoredCertificate
}

// StoredCertificate is a certificate of a chain.
type StoredCertificate struct {
	Kind   CertificateKind
	Serial string // hexadecimal
	DER    []byte
}

// Chain returns a trustpoint's certificates, or nil.
func (c *Config) Chain(name string) *CertificateChain {
	for _, x := range c.Chains {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Of returns the certificates of a kind.
func (x *CertificateChain) Of(kind CertificateKind) [][]byte {
	if x == nil {
		return nil
	}
	var all [][]byte
	for _, c := range x.Certificates {
		if c.Kind == kind {
			all = append(all, c.DER)
		}
	}
	return all
}

// Put stores a certificate in the place of those of its kind and serial number.
func (x *CertificateChain) Put(c StoredCertificate) {
	for i, old := range x.Certificates {
		if old.Kind == c.Kind && strings.EqualFold(old.Serial, c.Serial) {
			x.Certificates[i] = c
			return
		}
	}
	x.Certificates = append(x.Certificates, c)
}

// signs says whether a policy authenticates by signatures.
func (p Policy) signs() bool { return p.Auth == isakmp.AuthRSASig || p.Auth == isakmp.AuthECDSA256 }
