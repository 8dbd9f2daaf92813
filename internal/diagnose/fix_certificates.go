package diagnose

// trustpointHere is the trustpoint of the verdict, or a stand-in.
func (x *fixer) trustpointHere() string {
	if x.o.Place != "" {
		return x.o.Place
	}
	return "NAME"
}

// mine says whether the certificate at fault is this end's own.
func (x *fixer) mine() bool { return x.o.Kind == CertificateShown }

// renew has a certificate made anew, at the end whose it is.
func (x *fixer) renew(text string) {
	if x.mine() {
		x.ios(text, "crypto pki enroll "+x.trustpointHere())
		return
	}
	x.everywhere([]string{"crypto pki enroll NAME"}, []string{"crypto ca enroll NAME"},
		[]string{"swanctl --load-creds"}, []string{"ipsec auto --rereadall"})
}

func fixExpired(x *fixer) {
	x.ios("see whether the clock is right", "show clock")
	x.renew("have the certificate renewed")
}

func fixEarly(x *fixer) {
	x.ios("set the clock, or have it set by NTP", "show clock")
	x.everywhere([]string{"show clock"}, []string{"show clock"}, []string{"date"}, []string{"date"})
}

func fixRevoked(x *fixer) {
	x.ios("see what the list says", "show crypto pki crls")
	x.renew("ask the authority why, and for another certificate")
}

func fixCRL(x *fixer) {
	name := x.trustpointHere()
	x.ios("fetch the list by hand, and read what becomes of it", "crypto pki crl request "+name, "show crypto pki crls")
	x.ios("let peers in whose revocation cannot be looked up", "crypto pki trustpoint "+name, " revocation-check crl none")
}

func fixCA(x *fixer) {
	if x.mine() {
		x.ios("enrol with an authority that the peer trusts", "show crypto pki certificates "+x.trustpointHere())
		x.everywhere([]string{"crypto pki trustpoint NAME", " enrollment terminal", "crypto pki authenticate NAME"}, []string{"crypto ca trustpoint NAME", "crypto ca authenticate NAME"},
			[]string{"cp ca.pem /etc/swanctl/x509ca/", "swanctl --load-creds"}, []string{"certutil -A -d sql:/var/lib/ipsec/nss -n CA -t CT,, -i ca.pem"})
		return
	}
	x.ios("trust the authority that has issued the peer's certificate", "crypto pki trustpoint NAME", " enrollment terminal", "crypto pki authenticate NAME")
	x.everywhere([]string{"show crypto pki certificates"}, []string{"show crypto ca certificates"}, []string{"swanctl --list-certs"}, []string{"certutil -L -d sql:/var/lib/ipsec/nss"})
}

// fixCertificate is for a certificate that no cause of its own is for.
func fixCertificate(x *fixer) {
	switch x.o.Kind {
	case CertificateWeak:
		x.ios("take old signatures and keys of 1024 bits of this authority", "crypto pki trustpoint "+x.trustpointHere(), " qmidle legacy")
		x.renew("")
	case CertificateUnfit:
		x.renew("")
	case CertificateMissing:
		x.ios("a certificate for this end, with its key", "crypto pki trustpoint NAME", " enrollment url http://CA", "crypto pki authenticate NAME", "crypto pki enroll NAME")
	}
}

// fixNames has the peer present a name that its certificate has.
func fixNames(x *fixer) {
	x.ios("see what names the certificate has", "debug crypto pki validation")
	x.everywhere([]string{"crypto isakmp identity dn"}, []string{"crypto isakmp identity auto"},
		[]string{"local {", "  id = a name of the certificate", "}"}, []string{"leftid=%fromcert"})
}
