package console

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trustpoint"
)

// Certificates is show crypto pki certificates.
type Certificates struct {
	Certificates []Certificate `json:"certificates"`

	verbose bool
}

// Certificate is one that a trustpoint has, or that a CA is yet to grant.
type Certificate struct {
	Trustpoint string    `json:"trustpoint"`
	Kind       string    `json:"kind"`   // certificate, ca, ra-sign, ra-encrypt, self-signed, rollover
	Status     string    `json:"status"` // Available, Expired, Not yet valid, Pending
	Serial     string    `json:"serial,omitempty"`
	Usage      string    `json:"usage,omitempty"`
	Issuer     []string  `json:"issuer,omitempty"`
	Subject    []string  `json:"subject,omitempty"`
	Names      []string  `json:"names,omitempty"` // of the subject: hosts and addresses
	CRLs       []string  `json:"crls,omitempty"`
	OCSP       []string  `json:"ocsp,omitempty"`
	NotBefore  time.Time `json:"not_before,omitzero"`
	NotAfter   time.Time `json:"not_after,omitzero"`
	Renew      time.Time `json:"renew,omitzero"`
	KeyKind    string    `json:"key_kind,omitempty"` // RSA, EC
	KeyBits    int       `json:"key_bits,omitempty"`
	Signature  string    `json:"signature,omitempty"`
	MD5        string    `json:"md5,omitempty"` // fingerprints, of a request where Status is Pending
	SHA1       string    `json:"sha1,omitempty"`
	SHA256     string    `json:"sha256,omitempty"`
}

var kindNames = map[config.CertificateKind]string{config.OwnCertificate: "certificate", config.CACertificate: "ca", config.RASignCertificate: "ra-sign",
	config.RAEncryptCertificate: "ra-encrypt", config.SelfSignedCertificate: "self-signed", config.RolloverCertificate: "rollover"}

func showCertificates(verbose bool) func(Router, config.Args) (View, error) {
	return func(r Router, a config.Args) (View, error) {
		name := a.Text("name")
		if name != "" && r.Config().Trustpoint(name) == nil {
			return nil, &trustpoint.Error{Text: "there is no trustpoint " + name}
		}
		v := Certificates{Certificates: []Certificate{}, verbose: verbose}
		for _, t := range r.Config().Trustpoints {
			if name == "" || t.Name == name {
				v.Certificates = append(v.Certificates, certificatesOf(r, t)...)
			}
		}
		return v, nil
	}
}

// certificatesOf lists the gateway's own certificate first, as IOS does.
func certificatesOf(r Router, t *config.Trustpoint) []Certificate {
	var all []Certificate
	if p, err := pkiOf(r); err == nil {
		if s, ok := p.Enrollment(t.Name); ok && !s.State.Done() {
			f := s.Fingerprints
			all = append(all, Certificate{Trustpoint: t.Name, Kind: "certificate", Status: "Pending", MD5: hexGroups(f.MD5[:]), SHA1: hexGroups(f.SHA1[:]), SHA256: hexGroups(f.SHA256[:])})
		}
	}
	chain := r.Config().Chain(t.Name)
	for _, kind := range []config.CertificateKind{config.OwnCertificate, config.SelfSignedCertificate, config.RASignCertificate,
		config.RAEncryptCertificate, config.CACertificate, config.RolloverCertificate} {
		for _, der := range chain.Of(kind) {
			if c, err := x509.ParseCertificate(der); err == nil {
				all = append(all, certificate(r.Now(), t, kind, c))
			}
		}
	}
	return all
}

func certificate(now time.Time, t *config.Trustpoint, kind config.CertificateKind, c *x509.Certificate) Certificate {
	f := pki.Fingerprint(c.Raw)
	v := Certificate{Trustpoint: t.Name, Kind: kindNames[kind], Status: "Available", Serial: pki.SerialText(c.SerialNumber), Usage: usage(c),
		Issuer: pki.NameLines(c.Issuer), Subject: pki.NameLines(c.Subject), Names: append(pki.HostNames(c), pki.Addresses(c)...),
		CRLs: shown(c.CRLDistributionPoints), OCSP: shown(c.OCSPServer), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Signature: c.SignatureAlgorithm.String(), MD5: hexGroups(f.MD5[:]), SHA1: hexGroups(f.SHA1[:]), SHA256: hexGroups(f.SHA256[:])}
	v.KeyKind, v.KeyBits = keyOfCertificate(c)
	switch {
	case now.After(c.NotAfter):
		v.Status = "Expired"
	case now.Before(c.NotBefore):
		v.Status = "Not yet valid"
	}
	if kind == config.OwnCertificate && t.AutoEnroll > 0 {
		v.Renew = trustpoint.RenewAt(c, t.AutoEnroll)
	}
	return v
}

func shown(urls []string) []string {
	var all []string
	for _, u := range urls {
		all = append(all, strings.Map(func(r rune) rune {
			if r <= ' ' || r >= 0x7f {
				return '.'
			}
			return r
		}, u))
	}
	return all
}

func usage(c *x509.Certificate) string {
	signs := c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign|x509.KeyUsageContentCommitment) != 0
	encrypts := c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment|x509.KeyUsageKeyAgreement) != 0
	switch {
	case signs && !encrypts:
		return "Signature"
	case encrypts && !signs:
		return "Encryption"
	}
	return "General Purpose"
}

func keyOfCertificate(c *x509.Certificate) (kind string, bits int) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA", k.N.BitLen()
	case *ecdsa.PublicKey:
		return "EC", k.Curve.Params().BitSize
	}
	return "", 0
}

var headings = map[string]string{"certificate": "Certificate", "ca": "CA Certificate", "self-signed": "Router Self-Signed Certificate",
	"ra-sign": "RA Signature Certificate", "ra-encrypt": "RA KeyEncipher Certificate", "rollover": "CA Certificate (Rollover)"}

// Text is IOS's. The headings of an RA's certificates are recalled.
func (v Certificates) Text() string {
	var b strings.Builder
	for i, c := range v.Certificates {
		if i > 0 {
			b.WriteString("\n")
		}
		c.write(&b, v.verbose)
	}
	return b.String()
}

func (c Certificate) write(b *strings.Builder, verbose bool) {
	fmt.Fprintf(b, "%s\n  Status: %s\n", headings[c.Kind], c.Status)
	if c.Serial == "" {
		fmt.Fprintf(b, "  Certificate Request Fingerprint MD5: %s \n  Certificate Request Fingerprint SHA1: %s \n", c.MD5, c.SHA1)
		fmt.Fprintf(b, "  Associated Trustpoints: %s \n", c.Trustpoint)
		return
	}
	fmt.Fprintf(b, "  Certificate Serial Number (hex): %s\n  Certificate Usage: %s\n  Issuer: \n", c.Serial, c.Usage)
	lines(b, "    ", c.Issuer)
	if c.Kind == "certificate" {
		b.WriteString("  Subject:\n")
		for _, n := range c.Names {
			fmt.Fprintf(b, "    Name: %s\n", n)
		}
	} else {
		b.WriteString("  Subject: \n")
	}
	lines(b, "    ", c.Subject)
	if len(c.CRLs) > 0 {
		b.WriteString("  CRL Distribution Points: \n")
		lines(b, "    ", c.CRLs)
	}
	fmt.Fprintf(b, "  Validity Date: \n    start date: %s\n    end   date: %s\n", pki.DateText(c.NotBefore), pki.DateText(c.NotAfter))
	if !c.Renew.IsZero() {
		fmt.Fprintf(b, "    renew date: %s\n", pki.DateText(c.Renew))
	}
	if verbose {
		c.writeVerbose(b)
	}
	fmt.Fprintf(b, "  Associated Trustpoints: %s \n", c.Trustpoint)
}

func (c Certificate) writeVerbose(b *strings.Builder) {
	if c.KeyBits > 0 {
		fmt.Fprintf(b, "  Subject Key Info:\n    Public Key Algorithm: %sEncryption\n    %s Public Key: (%d bit)\n", strings.ToLower(c.KeyKind), c.KeyKind, c.KeyBits)
	}
	fmt.Fprintf(b, "  Signature Algorithm: %s\n  Fingerprint MD5: %s \n  Fingerprint SHA1: %s \n  Fingerprint SHA256: %s \n", c.Signature, c.MD5, c.SHA1, c.SHA256)
	if len(c.OCSP) > 0 {
		b.WriteString("  Authority Info Access:\n")
		lines(b, "    OCSP URL: ", c.OCSP)
	}
}

func lines(b *strings.Builder, before string, all []string) {
	for _, l := range all {
		b.WriteString(before + l + "\n")
	}
}

// Trustpoints is show crypto pki trustpoints.
type Trustpoints struct {
	Trustpoints []TrustpointState `json:"trustpoints"`

	status bool
}

// TrustpointState is a trustpoint with how its enrolment stands.
type TrustpointState struct {
	Name       string       `json:"name"`
	URL        string       `json:"url,omitempty"`
	CA         *Certificate `json:"ca,omitempty"`
	Own        *Certificate `json:"certificate,omitempty"`
	Key        string       `json:"key"`
	KeyMade    bool         `json:"key_made"`
	Exportable bool         `json:"key_exportable"`
	Enrollment string       `json:"enrollment,omitempty"` // Granted, Pending, Rejected, Failed
	Problem    string       `json:"problem,omitempty"`
	Retry      time.Time    `json:"retry,omitzero"`
	Renew      time.Time    `json:"renew,omitzero"`
}

func showTrustpoints(status bool) func(Router) Trustpoints {
	return func(r Router) Trustpoints {
		v := Trustpoints{Trustpoints: []TrustpointState{}, status: status}
		for _, t := range r.Config().Trustpoints {
			v.Trustpoints = append(v.Trustpoints, stateOf(r, t))
		}
		return v
	}
}

func stateOf(r Router, t *config.Trustpoint) TrustpointState {
	s := TrustpointState{Name: t.Name, URL: t.URL, Key: trustpoint.KeyLabel(r.Config(), t)}
	for _, c := range certificatesOf(r, t) {
		switch {
		case c.Kind == "ca" && s.CA == nil:
			s.CA = &c
		case (c.Kind == "certificate" || c.Kind == "self-signed") && c.Serial != "" && s.Own == nil:
			s.Own, s.Renew, s.Enrollment = &c, c.Renew, "Granted"
		}
	}
	p, err := pkiOf(r)
	if err != nil {
		return s
	}
	for _, k := range p.Keys() {
		if k.Label == s.Key {
			s.KeyMade, s.Exportable = true, k.Exportable
		}
	}
	if e, ok := p.Enrollment(t.Name); ok {
		s.Enrollment, s.Problem, s.Retry = stateWords[e.State], e.Problem, e.Retry
	}
	return s
}

var stateWords = map[scep.State]string{scep.Sending: "Pending", scep.Unheard: "Pending", scep.Polling: "Pending", scep.Granted: "Granted",
	scep.Refused: "Rejected", scep.Abandoned: "Failed"}

// Text is IOS's; the line of the URL is recalled.
func (v Trustpoints) Text() string {
	var b strings.Builder
	for _, t := range v.Trustpoints {
		fmt.Fprintf(&b, "Trustpoint %s:\n", t.Name)
		if v.status {
			t.writeStatus(&b)
			continue
		}
		if t.CA != nil {
			b.WriteString("    Subject Name: \n")
			lines(&b, "    ", t.CA.Subject)
			fmt.Fprintf(&b, "          Serial Number (hex): %s\n    Certificate configured.\n", t.CA.Serial)
		}
		if t.URL != "" {
			fmt.Fprintf(&b, "    SCEP URL: %s\n", t.URL)
		}
		b.WriteString("\n\n")
	}
	return b.String()
}

func (t TrustpointState) writeStatus(b *strings.Builder) {
	for _, c := range []struct {
		c    *Certificate
		what string
	}{{t.CA, "Issuing CA certificate"}, {t.Own, "Router General Purpose certificate"}} {
		if c.c == nil {
			continue
		}
		fmt.Fprintf(b, "  %s configured:\n    Subject Name:\n", c.what)
		lines(b, "     ", c.c.Subject)
		fmt.Fprintf(b, "    Fingerprint MD5: %s \n    Fingerprint SHA1: %s \n", c.c.MD5, c.c.SHA1)
	}
	if t.Enrollment != "" {
		fmt.Fprintf(b, "  Last enrollment status: %s\n", t.Enrollment)
	}
	if t.Problem != "" {
		fmt.Fprintf(b, "  Last problem: %s\n", t.Problem)
	}
	if !t.Retry.IsZero() {
		fmt.Fprintf(b, "  Next attempt: %s\n", pki.DateText(t.Retry))
	}
	if !t.Renew.IsZero() {
		fmt.Fprintf(b, "  Next enrollment attempt:\n    %s\n", pki.DateText(t.Renew))
	}
	keys := "No"
	if t.KeyMade {
		keys = "Yes (General Purpose, non-exportable)"
		if t.Exportable {
			keys = "Yes (General Purpose, exportable)"
		}
	}
	fmt.Fprintf(b, "  State:\n    Keys generated ............. %s\n    Issuing CA authenticated ....... %s\n    Certificate request(s) ..... %s\n\n", keys, yes(t.CA != nil), yes(t.Own != nil))
}

func yes(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// PKITimers is show crypto pki timers.
type PKITimers struct {
	Timers []PKITimer `json:"timers"`
}

// PKITimer is something that will be done by itself.
type PKITimer struct {
	Name    string    `json:"name"`
	What    string    `json:"what"` // POLL, RENEW, ROLLOVER, CRL
	At      time.Time `json:"at"`
	seconds time.Duration
}

func pkiTimers(r Router) PKITimers {
	v := PKITimers{Timers: []PKITimer{}}
	add := func(name, what string, at time.Time) {
		if !at.IsZero() {
			v.Timers = append(v.Timers, PKITimer{name, what, at, at.Sub(r.Now())})
		}
	}
	p, err := pkiOf(r)
	for _, t := range r.Config().Trustpoints {
		s := stateOf(r, t)
		add(t.Name, "POLL", s.Retry)
		add(t.Name, "RENEW", s.Renew)
		if err == nil {
			add(t.Name, "ROLLOVER", p.Rollover(t.Name))
		}
	}
	if err == nil {
		for _, c := range p.CRLs() {
			add(c.Trustpoint, "CRL", c.Refresh)
		}
	}
	return v
}

// Text has a line for each, after IOS's heading. The form is recalled.
func (v PKITimers) Text() string {
	var b strings.Builder
	b.WriteString("PKI Timers\n")
	for _, t := range v.Timers {
		fmt.Fprintf(&b, "|%s  %s %s\n", span(t.seconds), t.What, t.Name)
	}
	return b.String()
}

// span is days and hours, or hours and minutes: 3d04:02:01.000.
func span(d time.Duration) string {
	d = max(0, d)
	days := d / (24 * time.Hour)
	d -= days * 24 * time.Hour
	return fmt.Sprintf("%3dd%02d:%02d:%02d.000", days, d/time.Hour, d/time.Minute%60, d/time.Second%60)
}

// CRLs is show crypto pki crls.
type CRLs struct {
	CRLs []CRL `json:"crls"`
}

// CRL is a revocation list that is kept.
type CRL struct {
	URL        string    `json:"url"`
	Trustpoint string    `json:"trustpoint"`
	Issuer     string    `json:"issuer,omitempty"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Fetched    time.Time `json:"fetched,omitzero"`
	Refresh    time.Time `json:"refresh,omitzero"`
	Entries    int       `json:"entries"`
	Problem    string    `json:"problem,omitempty"`
	SCEP       bool      `json:"scep"` // asked of the CA at the URL
}

func crls(r Router) CRLs {
	v := CRLs{CRLs: []CRL{}}
	if p, err := pkiOf(r); err == nil {
		for _, c := range p.CRLs() {
			v.CRLs = append(v.CRLs, CRL(c))
		}
	}
	return v
}

// Text is IOS's; the form is recalled, and what it lacks is ours: how many are
// revoked, where the list is from, and what went wrong.
func (v CRLs) Text() string {
	var b strings.Builder
	for _, c := range v.CRLs {
		if c.Issuer != "" {
			fmt.Fprintf(&b, "CRL Issuer Name: \n    %s\n    LastUpdate: %s\n", c.Issuer, pki.DateText(c.ThisUpdate))
			if !c.NextUpdate.IsZero() {
				fmt.Fprintf(&b, "    NextUpdate: %s\n", pki.DateText(c.NextUpdate))
			}
			fmt.Fprintf(&b, "    Revoked: %d\n", c.Entries)
		}
		if c.SCEP {
			b.WriteString("    Retrieved from CRL Distribution Point: \n      ** CDP Not Published - Retrieved via SCEP\n")
		} else {
			fmt.Fprintf(&b, "    Retrieved from CRL Distribution Point: \n      %s\n", c.URL)
		}
		if c.Problem != "" {
			fmt.Fprintf(&b, "    Last problem: %s\n", c.Problem)
		}
	}
	return b.String()
}

// showPKI follows `show crypto pki` and `show crypto ca`.
var showPKI = []*node{
	{Text: "certificates", Help: "Show certificates", Do: do(showCertificates(false)), Next: []*node{
		{Text: "verbose", Help: "Display in verbose mode", Do: do(showCertificates(true)), Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Trustpoint Name", Do: do(showCertificates(true))},
		}},
		{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Trustpoint Name", Do: do(showCertificates(false))},
	}},
	{Text: "crls", Help: "Show Certificate Revocation Lists", Do: plain(crls)},
	{Text: "timers", Help: "Show PKI Timers", Do: plain(pkiTimers)},
	{Text: "trustpoints", Help: "Show trustpoints", Do: plain(showTrustpoints(false)), Next: []*node{
		{Text: "status", Help: "Display status information", Do: plain(showTrustpoints(true))},
	}},
}
