package config

import (
	"encoding/hex"
	"net"
	"slices"
	"strings"

	"qmidle/internal/pki"
)

var trustpointMode = mode{name: "Trustpoint", prompt: "ca-trustpoint", nodes: []*node{
	{Text: "authorization", Help: "Authorization parameters", Unsupported: "authorization of certificates"},
	{Text: "auto-enroll", Help: "Automatically enroll this router identity", Do: setAutoEnroll, No: onTrustpoint(func(t *Trustpoint) { t.AutoEnroll, t.Regenerate = 0, false }), Next: []*node{
		{Kind: Number, Lo: 1, Hi: 100, Arg: "percent", Help: "Percent of lifetime after which to renew", Do: setAutoEnroll, Next: autoEnrollOptions},
		autoEnrollOptions[0],
	}},
	{Text: "chain-validation", Help: "Validate certificate chain parameters", No: onTrustpoint(func(t *Trustpoint) { t.ChainStop, t.ChainParent = false, "" }), Next: []*node{
		{Text: "continue", Help: "Continue validation with the parent trustpoint", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "parent", Help: "Parent trustpoint", Do: setChainParent},
		}},
		{Text: "stop", Help: "Stop at this trustpoint", Do: onTrustpoint(func(t *Trustpoint) { t.ChainStop, t.ChainParent = true, "" })},
	}},
	{Text: "crl", Help: "CRL option", Next: []*node{
		{Text: "best-effort", Help: "Check the CRL where it can be had", Do: checkBy(pki.CheckByCRL, pki.CheckByNone), No: checkBy(pki.CheckByCRL)},
		{Text: "optional", Help: "CRL verification is optional", Do: checkBy(pki.CheckByCRL, pki.CheckByNone), No: checkBy(pki.CheckByCRL)},
		{Text: "query", Help: "Where to get the CRL", No: onTrustpoint(func(t *Trustpoint) { t.CRLQuery = "" }), Next: []*node{
			{Kind: Word, Text: "URL", Arg: "url", Help: "URL of the CRL", Do: setCRLQuery},
		}},
	}},
	{Text: "eckeypair", Help: "Specify eckeypair for this identity", No: onTrustpoint(func(t *Trustpoint) { t.ECKeyPair = "" }), Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "label", Help: "EC keypair label", Do: setECKeyPair},
	}},
	{Text: "enrollment", Help: "Enrollment parameters", No: noEnrollment, Next: enrollmentNodes},
	{Text: "fingerprint", Help: "CA certificate fingerprint", No: onTrustpoint(func(t *Trustpoint) { t.Fingerprint = "" }), Next: []*node{
		{Kind: Rest, Text: "HEX", Arg: "fingerprint", Help: "Fingerprint of the CA certificate", Do: setFingerprint},
	}},
	{Text: "fqdn", Help: "Include fully-qualified domain name", No: onTrustpoint(func(t *Trustpoint) { t.FQDN, t.NoFQDN = "", false }), Next: []*node{
		{Text: "none", Help: "Do not include FQDN", Do: onTrustpoint(func(t *Trustpoint) { t.FQDN, t.NoFQDN = "", true })},
		{Kind: Host, Text: "WORD", Arg: "fqdn", Help: "Fully qualified domain name", Do: func(e *Editor, a Args) *Problem {
			e.trustpoint.FQDN, e.trustpoint.NoFQDN = a.Text("fqdn"), false
			return nil
		}},
	}},
	{Text: "hash", Help: "Specify hash algorithm of requests", No: onTrustpoint(func(t *Trustpoint) { t.Hash = EnrollSHA256 }), Next: enrollmentHashNodes()},
	{Text: "ip-address", Help: "Include ip address", No: onTrustpoint(noIPAddress), Next: []*node{
		{Text: "none", Help: "Do not include IP address", Do: onTrustpoint(func(t *Trustpoint) { noIPAddress(t); t.NoIPAddress = true })},
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address", Do: setIPAddress},
		{Kind: Word, Text: "WORD", Arg: "interface", Help: "Interface whose address is meant", Do: setIPAddress, Next: []*node{
			{Kind: Word, Text: "N/N", Arg: "number", Help: "Interface number", Do: setIPAddress},
		}},
	}},
	{Text: "match", Help: "Match criteria", Next: []*node{
		{Text: "certificate", Help: "Match certificate attributes", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "map", Help: "Certificate map label", Do: addMapUse, No: noMapUse, Next: mapUseOptions},
		}},
	}},
	{Text: "ocsp", Help: "OCSP parameters", Next: []*node{
		{Text: "disable-nonce", Help: "Disable OCSP nonce extension", Do: onTrustpoint(func(t *Trustpoint) { t.NoNonce = true }), No: onTrustpoint(func(t *Trustpoint) { t.NoNonce = false })},
		{Text: "url", Help: "OCSP server URL", No: onTrustpoint(func(t *Trustpoint) { t.OCSPURL = "" }), Next: []*node{
			{Kind: Word, Text: "URL", Arg: "url", Help: "URL of the responder", Do: setOCSPURL},
		}},
	}},
	{Text: "password", Help: "Revocation password", No: onTrustpoint(func(t *Trustpoint) { t.Password = Key{} }), Next: keyNodes(setChallenge)},
	{Text: "primary", Help: "Specify trustpoint as primary", Do: onTrustpoint(func(*Trustpoint) {}), No: onTrustpoint(func(*Trustpoint) {})},
	{Text: "qmidle", Help: "What IOS has no command for", Next: []*node{
		{Text: "legacy", Help: "Accept SHA-1 signatures and keys of 1024 bits", Do: setLegacy, No: onTrustpoint(func(t *Trustpoint) { t.Legacy = false })},
		{Text: "scep-cipher", Help: "Encryption of SCEP messages", No: onTrustpoint(func(t *Trustpoint) { t.Cipher = EnrollAES }), Next: enrollmentCipherNodes()},
	}},
	{Text: "query", Help: "Query parameters", Unsupported: "fetching certificates at each use", Scope: ScopeAlways},
	{Text: "regenerate", Help: "Regenerate keys on re-enrollment", Do: onTrustpoint(func(t *Trustpoint) { t.Regenerate = true }), No: onTrustpoint(func(t *Trustpoint) { t.Regenerate = false })},
	{Text: "revocation-check", Help: "Revocation checking options", No: checkBy(pki.CheckByCRL), Next: revocationNodes()},
	{Text: "rsakeypair", Help: "Specify rsakeypair for this identity", No: onTrustpoint(func(t *Trustpoint) { t.KeyPair, t.KeyBits, t.EncryptBits = "", 0, 0 }), Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "label", Help: "RSA keypair label", Do: setKeyPair, Next: []*node{
			{Kind: Number, Lo: 1024, Hi: 4096, Arg: "bits", Help: "Size of the key", Do: setKeyPair, Next: []*node{
				{Kind: Number, Lo: 1024, Hi: 4096, Arg: "encrypt", Help: "Size of a key for encryption", Do: setKeyPair},
			}},
		}},
	}},
	{Text: "serial-number", Help: "Include serial number", Do: onTrustpoint(func(t *Trustpoint) { t.Serial = SerialYes }), No: onTrustpoint(func(t *Trustpoint) { t.Serial = SerialAsk }), Next: []*node{
		{Text: "none", Help: "Do not include serial number", Do: onTrustpoint(func(t *Trustpoint) { t.Serial = SerialNo })},
	}},
	{Text: "source", Help: "Specify source interface for CA packets", Unsupported: "a source interface for CA packets"},
	{Text: "storage", Help: "Where certificates are stored", Unsupported: "a storage of certificates of its own"},
	{Text: "subject-name", Help: "Subject Name", No: onTrustpoint(func(t *Trustpoint) { t.Subject = "" }), Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "subject", Help: "X.500 name: cn=r1,o=Lab", Do: setSubjectName},
	}},
	{Text: "usage", Help: "Certificate Usage", No: onTrustpoint(func(t *Trustpoint) { t.Usage = "" }), Next: []*node{
		{Text: "ike", Help: "For IKE", Do: onTrustpoint(func(t *Trustpoint) { t.Usage = "ike" })},
		{Text: "ssl-client", Help: "For SSL clients", Unsupported: "a trustpoint for SSL"},
		{Text: "ssl-server", Help: "For SSL servers", Unsupported: "a trustpoint for SSL"},
	}},
	{Text: "vrf", Help: "VRF to use for enrollment", Unsupported: "a trustpoint of a VRF", Scope: ScopeAlways},
}}

var enrollmentNodes = []*node{
	{Text: "credential", Help: "Trustpoint whose certificate signs the request", Unsupported: "another trustpoint's credential for enrolment"},
	{Text: "http-proxy", Help: "HTTP proxy server for enrollment", No: onTrustpoint(func(t *Trustpoint) { t.Proxy = "" }), Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "host", Help: "Name or address of the proxy", Next: []*node{
			{Kind: Number, Lo: 1, Hi: 65535, Arg: "port", Help: "Port of the proxy", Do: func(e *Editor, a Args) *Problem {
				e.trustpoint.Proxy = net.JoinHostPort(a.Text("host"), a.get("port").Text)
				return nil
			}},
		}},
	}},
	{Text: "mode", Help: "Mode supported by the Certificate Authority", Next: []*node{
		{Text: "ra", Help: "Registration Authority", Do: onTrustpoint(func(t *Trustpoint) { t.ModeRA = true }), No: onTrustpoint(func(t *Trustpoint) { t.ModeRA = false })},
	}},
	{Text: "pkcs12", Help: "Enroll with PKCS #12", Do: onTrustpoint(func(t *Trustpoint) { setEnrollment(t, EnrollTerminal, "") })},
	{Text: "profile", Help: "Specify an enrollment profile", Unsupported: "an enrollment profile"},
	{Text: "retry", Help: "Polling parameters", Next: []*node{
		{Text: "count", Help: "How many times to poll the CA", No: onTrustpoint(func(t *Trustpoint) { t.Retries = DefaultRetries }), Next: []*node{
			{Kind: Number, Lo: 1, Hi: 100, Arg: "count", Help: "Number of times", Do: func(e *Editor, a Args) *Problem {
				e.trustpoint.Retries = int(a.Number("count"))
				return nil
			}},
		}},
		{Text: "period", Help: "How long to wait between requests", No: onTrustpoint(func(t *Trustpoint) { t.Period = DefaultPeriod }), Next: []*node{
			{Kind: Number, Lo: 1, Hi: 60, Arg: "minutes", Help: "Minutes", Do: func(e *Editor, a Args) *Problem {
				e.trustpoint.Period = int(a.Number("minutes"))
				return nil
			}},
		}},
	}},
	{Text: "selfsigned", Help: "Generate a self-signed certificate", Do: onTrustpoint(func(t *Trustpoint) { setEnrollment(t, EnrollSelfSigned, "") })},
	{Text: "terminal", Help: "Enroll via the terminal (cut-and-paste)", Do: onTrustpoint(func(t *Trustpoint) { setEnrollment(t, EnrollTerminal, "") }), Next: []*node{
		{Text: "pem", Help: "Enroll with PEM headers", Do: onTrustpoint(func(t *Trustpoint) { setEnrollment(t, EnrollTerminal, ""); t.PEM = true })},
	}},
	{Text: "url", Help: "CA server enrollment URL", Next: []*node{
		{Kind: Word, Text: "URL", Arg: "url", Help: "http://HOST[:PORT][/PATH]", Do: setEnrollmentURL, Next: []*node{
			{Text: "pem", Help: "Add PEM boundaries", Unsupported: "enrollment by a file in PEM"},
		}},
	}},
}

var autoEnrollOptions = []*node{
	{Text: "regenerate", Arg: "regenerate", Help: "Regenerate keys on re-enrollment", Do: setAutoEnroll},
}

var mapUseOptions = []*node{
	{Text: "allow", Help: "Allow certificates that would be refused", Next: []*node{
		{Text: "expired-certificate", Arg: "expired", Help: "Expired ones", Do: addMapUse},
	}},
	{Text: "override", Help: "Override fields of the certificate", Unsupported: "overriding fields of a certificate", Scope: ScopeAlways},
	{Text: "skip", Help: "Skip a check", Next: []*node{
		{Text: "authorization-check", Help: "The authorization check, which there is none of", Do: addMapUse},
		{Text: "revocation-check", Arg: "revocation", Help: "The revocation check", Do: addMapUse},
	}},
}

func setChallenge(e *Editor, a Args) (p *Problem) {
	e.trustpoint.Password, p = keyOf(a)
	return p
}

func enrollmentHashNodes() (nodes []*node) {
	for h, word := range enrollmentHashes {
		nodes = append(nodes, &node{Text: word, Help: "Use " + word + " hash algorithm", Do: func(e *Editor, a Args) *Problem {
			e.trustpoint.Hash = EnrollmentHash(h)
			e.remember(trustpointMark(e.trustpoint.Name)+" hash", a, "")
			return nil
		}})
	}
	slices.SortFunc(nodes, func(a, b *node) int { return strings.Compare(a.Text, b.Text) })
	return nodes
}

func enrollmentCipherNodes() (nodes []*node) {
	for c, word := range enrollmentCiphers {
		nodes = append(nodes, &node{Text: word, Help: "Encrypt by " + word, Do: func(e *Editor, a Args) *Problem {
			e.trustpoint.Cipher = EnrollmentCipher(c)
			e.remember(trustpointMark(e.trustpoint.Name)+" cipher", a, "")
			return nil
		}})
	}
	slices.SortFunc(nodes, func(a, b *node) int { return strings.Compare(a.Text, b.Text) })
	return nodes
}

var revocationMethods = []struct {
	method pki.Method
	help   string
}{{pki.CheckByCRL, "Revocation check by CRL"}, {pki.CheckByNone, "Ignore revocation check"}, {pki.CheckByOCSP, "Revocation check by OCSP"}}

func revocationNodes() []*node {
	var nodes []*node
	for _, m := range revocationMethods {
		nodes = append(nodes, &node{Text: m.method.String(), Arg: "method", Lo: uint64(m.method), Help: m.help, Do: setRevocation})
	}
	return loop(nodes)
}

func onTrustpoint(f func(*Trustpoint)) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		f(e.trustpoint)
		return nil
	}
}

func setEnrollment(t *Trustpoint, kind EnrollmentKind, url string) {
	t.Enrollment, t.URL, t.PEM = kind, url, false
}

func setEnrollmentURL(e *Editor, a Args) *Problem {
	url := a.Text("url")
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return &Problem{Code: CodeUnsupported, Arg: "url", Message: "certificates are enrolled over http or https only", Hint: "write `enrollment terminal` to carry them by hand"}
	}
	if usable, _ := pki.Places([]string{url}); len(usable) == 0 {
		return &Problem{Code: CodeValue, Arg: "url", Message: "this is no URL"}
	}
	setEnrollment(e.trustpoint, EnrollURL, url)
	return nil
}

func noEnrollment(e *Editor, _ Args) *Problem {
	setEnrollment(e.trustpoint, EnrollNone, "")
	return nil
}

func setAutoEnroll(e *Editor, a Args) *Problem {
	e.trustpoint.AutoEnroll, e.trustpoint.Regenerate = 100, a.Has("regenerate")
	if a.Has("percent") {
		e.trustpoint.AutoEnroll = int(a.Number("percent"))
	}
	return nil
}

func setChainParent(e *Editor, a Args) *Problem {
	e.trustpoint.ChainParent, e.trustpoint.ChainStop = a.Text("parent"), false
	e.remember(trustpointMark(e.trustpoint.Name)+" parent", a, "parent")
	return nil
}

func setCRLQuery(e *Editor, a Args) *Problem {
	return placeOf(a, &e.trustpoint.CRLQuery, "a CRL")
}

func setOCSPURL(e *Editor, a Args) *Problem {
	return placeOf(a, &e.trustpoint.OCSPURL, "an OCSP responder")
}

func placeOf(a Args, to *string, what string) *Problem {
	if usable, _ := pki.Places([]string{a.Text("url")}); len(usable) == 0 {
		return &Problem{Code: CodeUnsupported, Arg: "url", Message: what + " is asked over http or https only; LDAP is not supported"}
	}
	*to = a.Text("url")
	return nil
}

func setFingerprint(e *Editor, a Args) *Problem {
	b, err := pki.ParseFingerprint(a.Text("fingerprint"))
	if err != nil {
		return &Problem{Code: CodeValue, Arg: "fingerprint", Message: err.Error()}
	}
	e.trustpoint.Fingerprint = strings.ToUpper(hex.EncodeToString(b))
	e.remember(trustpointMark(e.trustpoint.Name)+" fingerprint", a, "")
	return nil
}

func noIPAddress(t *Trustpoint) {
	fresh := newTrustpoint(t.Name)
	t.IPAddress, t.IPInterface, t.NoIPAddress = fresh.IPAddress, "", false
}

func setIPAddress(e *Editor, a Args) *Problem {
	local := LocalEndpoint{Addr: a.Addr("address")}
	if !local.Addr.IsValid() {
		long, _, ok := InterfaceName(a.Text("interface") + a.Text("number"))
		if !ok {
			return &Problem{Code: CodeInvalid, Arg: "interface", Message: "neither an address nor an interface"}
		}
		local.Interface = long
	}
	noIPAddress(e.trustpoint)
	e.trustpoint.IPAddress, e.trustpoint.IPInterface = local.Addr, local.Interface
	return nil
}

func addMapUse(e *Editor, a Args) *Problem {
	u := MapUse{Map: a.Text("map"), AllowExpired: a.Has("expired"), SkipRevocation: a.Has("revocation")}
	e.remember(trustpointMark(e.trustpoint.Name)+" map "+u.Map, a, "map")
	if i := slices.IndexFunc(e.trustpoint.Maps, func(o MapUse) bool { return o.Map == u.Map }); i >= 0 {
		e.trustpoint.Maps[i] = u
		return nil
	}
	e.trustpoint.Maps = append(e.trustpoint.Maps, u)
	return nil
}

func noMapUse(e *Editor, a Args) *Problem {
	before := len(e.trustpoint.Maps)
	e.trustpoint.Maps = slices.DeleteFunc(e.trustpoint.Maps, func(u MapUse) bool { return u.Map == a.Text("map") })
	if len(e.trustpoint.Maps) == before {
		return &Problem{Code: CodeReference, Arg: "map", Message: "the trustpoint does not match this map"}
	}
	return nil
}

func setLegacy(e *Editor, a Args) *Problem {
	e.trustpoint.Legacy = true
	e.remember(trustpointMark(e.trustpoint.Name)+" legacy", a, "")
	return nil
}

func setRevocation(e *Editor, a Args) *Problem {
	var methods []pki.Method
	for _, arg := range a {
		m := pki.Method(arg.Number)
		if slices.Contains(methods, m) || len(methods) == 3 {
			return &Problem{Code: CodeValue, Message: "each method may stand once"}
		}
		if len(methods) > 0 && methods[len(methods)-1] == pki.CheckByNone {
			return &Problem{Code: CodeValue, Message: "`none` may stand last only: what is behind it is never tried"}
		}
		methods = append(methods, m)
	}
	e.trustpoint.Revocation = methods
	e.remember(trustpointMark(e.trustpoint.Name)+" revocation", a, "")
	return nil
}

func checkBy(methods ...pki.Method) Action[*Editor] {
	return onTrustpoint(func(t *Trustpoint) { t.Revocation = slices.Clone(methods) })
}

func setKeyPair(e *Editor, a Args) *Problem {
	e.trustpoint.ECKeyPair = ""
	e.trustpoint.KeyPair, e.trustpoint.KeyBits, e.trustpoint.EncryptBits = a.Text("label"), int(a.Number("bits")), int(a.Number("encrypt"))
	e.remember(trustpointMark(e.trustpoint.Name)+" key", a, "label")
	return nil
}

func setECKeyPair(e *Editor, a Args) *Problem {
	t := e.trustpoint
	t.KeyPair, t.KeyBits, t.EncryptBits, t.ECKeyPair = "", 0, 0, a.Text("label")
	e.remember(trustpointMark(t.Name)+" key", a, "label")
	return nil
}

func setSubjectName(e *Editor, a Args) *Problem {
	if _, err := pki.ParseName(a.Text("subject")); err != nil {
		return &Problem{Code: CodeValue, Arg: "subject", Message: err.Error()}
	}
	e.trustpoint.Subject = a.Text("subject")
	return nil
}
