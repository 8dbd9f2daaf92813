package config

import "qmidle/internal/isakmp"

// checkAggressive looks for peers with which nothing begins in aggressive mode though
// a line asks for it, and warns once that its keys can be searched for.
func (e *Editor) checkAggressive() {
	k := &e.cfg.ISAKMP
	for _, p := range k.Peers {
		switch key := peerMark(p); {
		case p.Endpoint.Type == 0 && !p.Password.IsZero():
			e.find(Warning, CodeDisabled, key+" password", "write `set aggressive-mode client-endpoint` below the peer", "phase 1 with %s begins in main mode, without this password: it has no client-endpoint", p.name())
		case p.Endpoint.Type == isakmp.IDIPv4Addr && !unicast(p.Endpoint.Addr):
			e.find(Error, CodeValue, key+" endpoint", "", "%% Invalid IP address: the client-endpoint is a unicast address")
		}
	}
	mark, what := e.aggressiveKeys()
	switch {
	case mark == "":
	case !k.AggressiveMode:
		e.find(Warning, CodeDisabled, mark, "remove `crypto isakmp aggressive-mode disable`, or this", "%s is without effect: aggressive mode is disabled", what)
	default:
		e.find(Warning, CodeWeak, mark, "choose a long random key, or have main mode or certificates", "%s is for aggressive mode, in which a key can be searched for offline by anybody who hears one exchange, or begins one", what)
	}
}

// aggressiveKeys is the first of what is for aggressive mode alone, and its name in a
// sentence; "" where there is none.
func (e *Editor) aggressiveKeys() (mark, what string) {
	for _, p := range e.cfg.ISAKMP.Peers {
		if p.Endpoint.Type != 0 {
			return peerMark(p) + " endpoint", "the client-endpoint of peer " + p.name()
		}
	}
	for _, p := range e.cfg.Profiles {
		if p.Aggressive {
			return profileMark(p.Name) + " aggressive", "`initiate mode aggressive` of profile " + p.Name
		}
	}
	for _, g := range e.cfg.ClientGroups {
		if !g.Key.IsZero() {
			return groupMark(g.Name) + " key", "the key of group " + g.Name
		}
	}
	return "", ""
}
