package config

import "qmidle/internal/isakmp"

// checkWeakPolicy warns once about each weak value of a policy, at the line that
// names it or, for a default, at the policy's own.
func (e *Editor) checkWeakPolicy(p Policy) {
	weak := func(what, name, why string) {
		key, how := policyMark(p.Priority)+" "+what, ""
		if _, written := e.marks[key]; !written {
			key, how = policyMark(p.Priority), " by default"
		}
		e.find(Warning, CodeWeak, key, "", "policy %d uses %s%s: %s", p.Priority, name, how, why)
	}
	switch p.Encryption {
	case isakmp.EncrDESCBC:
		weak("encryption", "DES", weakDES)
	case isakmp.Encr3DESCBC:
		weak("encryption", "3DES", weak3DES)
	}
	if p.Hash == isakmp.HashMD5 {
		weak("hash", "MD5", weakMD5)
	}
	if why := weakGroup(p.Group); why != "" {
		weak("group", "group "+groupNumber(p.Group), why)
	}
}

const (
	weakDES  = "its 56-bit keys are found by search"
	weak3DES = "its 64-bit blocks leak after some gigabytes (RFC 8429)"
	weakMD5  = "MD5 is broken as a hash and no longer fit for new use (RFC 6151)"
)

// weakGroup says why a group should not be used, or "" (RFC 8247 section 2.4).
func weakGroup(g isakmp.Group) string {
	switch g {
	case isakmp.GroupMODP768:
		return "768 bits are within anybody's reach"
	case isakmp.GroupMODP1024:
		return "1024 bits are within a state's reach (RFC 8247)"
	case isakmp.GroupMODP1536:
		return "1536 bits are too few for new use (RFC 8247)"
	case isakmp.GroupMODP2048S256:
		return "its small subgroups and unexplained seed make it unfit (RFC 8247)"
	}
	return ""
}

// checkTransformSets warns once about each weak transform, then about each weak
// PFS group.
func (e *Editor) checkTransformSets() {
	for _, t := range e.cfg.TransformSets {
		weak := func(what, name, why string) {
			e.find(Warning, CodeWeak, setMark(t.Name)+" "+what, "", "transform set %s uses %s: %s", t.Name, name, why)
		}
		switch t.Cipher {
		case isakmp.ESPDES:
			weak("cipher", "DES", weakDES)
		case isakmp.ESP3DES:
			weak("cipher", "3DES", weak3DES)
		case isakmp.ESPNull:
			weak("cipher", "no cipher", "the traffic can be read")
		}
		switch {
		case t.Auth == isakmp.AuthAlgHMACMD5:
			weak("auth", "MD5", weakMD5)
		case t.Auth == isakmp.AuthAlgNone && t.Cipher != isakmp.ESPAESGCM16:
			weak("cipher", "no integrity check", "the traffic can be altered")
		}
	}
	for _, m := range e.cfg.CryptoMaps {
		e.checkWeakPFS(m.Name, m.Name, m.Entries)
	}
	for _, d := range e.cfg.DynamicMaps {
		e.checkWeakPFS(dynamicOwner(d.Name), "the dynamic crypto map "+d.Name, d.Entries)
	}
}

func (e *Editor) checkWeakPFS(within, name string, entries []*CryptoMapEntry) {
	for _, c := range entries {
		if why := weakGroup(c.PFS); why != "" {
			e.find(Warning, CodeWeak, entryMark(within, c.Seq)+" pfs", "", "entry %d of %s uses group %s for PFS: %s", c.Seq, name, groupNumber(c.PFS), why)
		}
	}
}
