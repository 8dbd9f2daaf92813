package config

import "qmidle/internal/isakmp"

// write shows how phase 1 with a peer begins in aggressive mode. The blanks are
// recalled.
func (p *ISAKMPPeer) write(w *writer) {
	if p.Host != "" {
		w.line("crypto isakmp peer hostname %s", p.Host)
	} else {
		w.line("crypto isakmp peer address %s", p.Addr)
	}
	if p.Description != "" {
		w.line(" description %s", p.Description)
	}
	if !p.Password.IsZero() {
		w.line(" set aggressive-mode password %s", keyWordOf(p.Password))
	}
	if p.Endpoint.Type != 0 {
		w.line(" set aggressive-mode client-endpoint %s ", p.Endpoint)
	}
}

// String is the words behind `client-endpoint`.
func (c ClientEndpoint) String() string {
	switch c.Type {
	case isakmp.IDIPv4Addr:
		return "ipv4-address " + c.Addr.String()
	case isakmp.IDFQDN:
		return "fqdn " + c.Name
	}
	return "user-fqdn " + c.Name
}
