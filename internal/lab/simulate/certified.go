package simulate

import (
	"embed"
	"fmt"
)

// Certificates are made beforehand (go test -run TestCertificates -certificates), so that
// a seed is the same run each time: of a CA, for each gateway, and for the outsider
// some that are not to be believed.
//
//go:embed certificates
var certificates embed.FS

// revocations is where the CA's list is.
const revocations = "http://192.0.2.1/lab.crl"

// files are the contents of some, one behind the other.
func files(names ...string) (all []byte) {
	for _, name := range names {
		text, err := certificates.ReadFile("certificates/" + name)
		if err != nil {
			panic(err) // it is part of the program
		}
		all = append(all, text...)
	}
	return all
}

// pem is what a gateway has besides its configuration.
func (p *Plan) pem(s *site) []byte {
	if !s.certified {
		return nil
	}
	ca, own := "ca.pem", s.name+".pem"
	if o := s.peers[0].odd; o != nil && o.certificate != "" {
		own = o.certificate
	}
	return files(ca, own)
}

// certify has all ends prove themselves by certificates.
func (d *draw) certify() {
	p := d.plan
	p.certified = true
	for _, s := range p.sites {
		s.certified, s.revocation = true, d.oneIn(2)
	}
	for _, t := range p.tunnels {
		t.aggressive = nil
	}
	var steps []Step
	for _, s := range p.Steps {
		if s.kind != "key" { // there are none
			steps = append(steps, s)
		}
	}
	p.Steps = steps
}

// authentication is the method of a site's policies.
func (s *site) authentication() string {
	if s.certified {
		return "rsa-sig"
	}
	return "pre-share"
}

// trustpoint is the configuration of a site's.
func (s *site) trustpoint() string {
	check := " revocation-check none"
	if s.revocation {
		check = fmt.Sprintf(" revocation-check crl\n crl query %s", revocations)
	}
	return "crypto pki trustpoint LAB\n enrollment terminal\n" + check + "\n rsakeypair LAB"
}
