package config

import "slices"

// checkPKI holds trustpoints, maps and chains against each other.
func (e *Editor) checkPKI() {
	for _, t := range e.cfg.Trustpoints {
		mark := trustpointMark(t.Name)
		e.checkTrustpointMaps(t)
		if t.ChainParent != "" && e.cfg.Trustpoint(t.ChainParent) == nil {
			e.find(Error, CodeReference, mark+" parent", e.similar("trustpoint", t.ChainParent, e.cfg.trustpointNames), "there is no trustpoint %s", t.ChainParent)
		}
		if e.cfg.parentLoop(t) {
			e.find(Error, CodeReference, mark+" parent", "", "the parents of trustpoint %s lead back to it", t.Name)
		}
		if t.EncryptBits > 0 {
			e.find(Warning, CodeUnsupported, mark+" key", "", "a key of its own for encryption is not supported: trustpoint %s has one key", t.Name)
		}
		e.checkWeakTrustpoint(t)
	}
	for _, x := range e.cfg.Chains {
		if e.cfg.Trustpoint(x.Name) == nil {
			e.find(Warning, CodeReference, "chain "+x.Name, e.similar("trustpoint", x.Name, e.cfg.trustpointNames), "there is no trustpoint %s: its certificates are not used", x.Name)
		}
	}
}

func (e *Editor) checkTrustpointMaps(t *Trustpoint) {
	labels := func() []string {
		var all []string
		for _, m := range e.cfg.CertificateMaps {
			all = append(all, m.Label)
		}
		return all
	}
	for _, u := range t.Maps {
		if e.cfg.CertificateMap(u.Map) == nil {
			e.find(Error, CodeReference, trustpointMark(t.Name)+" map "+u.Map, e.similar("certificate map", u.Map, labels), "there is no certificate map %s", u.Map)
		}
	}
}

// parentLoop follows `chain-validation continue`.
func (c *Config) parentLoop(t *Trustpoint) bool {
	seen := []string{}
	for at := t; at != nil && at.ChainParent != ""; at = c.Trustpoint(at.ChainParent) {
		if at.ChainParent == t.Name {
			return true
		}
		if slices.Contains(seen, at.Name) {
			return false // a loop further up is told there
		}
		seen = append(seen, at.Name)
	}
	return false
}

// checkWeakTrustpoint warns once about each weak choice.
func (e *Editor) checkWeakTrustpoint(t *Trustpoint) {
	weak := func(what, format string, args ...any) {
		e.find(Warning, CodeWeak, trustpointMark(t.Name)+" "+what, "", "trustpoint "+t.Name+" "+format, args...)
	}
	if t.Legacy {
		weak("legacy", "accepts SHA-1 signatures and RSA keys of 1024 bits: certificates can be forged")
	}
	switch t.Hash {
	case EnrollMD5:
		weak("hash", "uses MD5: %s", weakMD5)
	case EnrollSHA1:
		weak("hash", "uses SHA-1: signatures with it can be forged")
	}
	switch t.Cipher {
	case Enroll3DES:
		weak("cipher", "uses 3DES: %s", weak3DES)
	case EnrollDES:
		weak("cipher", "uses DES: %s", weakDES)
	}
	if len(t.Fingerprint) == 32 {
		weak("fingerprint", "compares an MD5 fingerprint: another CA can have the same")
	}
	if t.KeyBits > 0 && t.KeyBits < 2048 {
		weak("key", "has a key of %d bits: too few for new use", t.KeyBits)
	}
}
