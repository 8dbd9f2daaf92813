package config

import "slices"

// dropEmptyMap removes a crypto map of which nothing is left.
func (e *Editor) dropEmptyMap(m *CryptoMap) {
	if len(m.Entries) == 0 && m.LocalAddress == "" && m.Profile == "" && m.Client == (Client{}) {
		e.cfg.CryptoMaps = slices.DeleteFunc(e.cfg.CryptoMaps, func(o *CryptoMap) bool { return o == m })
	}
}

// setMapProfile reads `crypto map NAME isakmp-profile`.
func setMapProfile(e *Editor, a Args) *Problem {
	m := e.makeCryptoMap(a)
	m.Profile = a.Text("profile")
	e.remember(mapMark(m.Name)+" profile", a, "profile")
	return nil
}

func noMapProfile(e *Editor, a Args) *Problem {
	m := e.cfg.CryptoMap(a.Text("map"))
	if m == nil || m.Profile == "" {
		return &Problem{Code: CodeReference, Arg: "map", Message: "the crypto map has no ISAKMP profile"}
	}
	m.Profile = ""
	e.dropEmptyMap(m)
	return nil
}

// setMapLocalAddress reads `crypto map NAME local-address`.
func setMapLocalAddress(e *Editor, a Args) *Problem {
	long, _, p := interfaceName(a)
	if p != nil {
		return p
	}
	m := e.makeCryptoMap(a)
	m.LocalAddress = long
	e.remember(mapMark(m.Name)+" local", a, "name")
	return nil
}

func noMapLocalAddress(e *Editor, a Args) *Problem {
	m := e.cfg.CryptoMap(a.Text("map"))
	if m == nil || m.LocalAddress == "" {
		return &Problem{Code: CodeReference, Arg: "map", Message: "the crypto map has no local address"}
	}
	m.LocalAddress = ""
	e.dropEmptyMap(m)
	return nil
}

func setEntryProfile(e *Editor, a Args) *Problem {
	e.entry.Profile = a.Text("profile")
	e.rememberEntry("profile", a, "profile")
	return nil
}

func noEntryProfile(e *Editor, _ Args) *Problem {
	e.entry.Profile = ""
	return nil
}
