package config

import (
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// ISAKMPPeer is one `crypto isakmp peer`: how phase 1 with it begins in aggressive
// mode, which it does when there is an Endpoint.
type ISAKMPPeer struct {
	Addr        netip.Addr // invalid when Host is set
	Host        string
	Description string
	Endpoint    ClientEndpoint
	Password    secret.Secret // empty: the pre-shared key that main mode takes
}

// ClientEndpoint is the identity that `set aggressive-mode client-endpoint` presents.
type ClientEndpoint struct {
	Type isakmp.IDType // IDIPv4Addr, IDFQDN or IDUserFQDN; 0 for none
	Addr netip.Addr    // of IDIPv4Addr
	Name string        // of the others
}

// Peer returns the `crypto isakmp peer` of an address or host name, or nil.
func (k *ISAKMP) Peer(addr netip.Addr, host string) *ISAKMPPeer {
	return find(k.Peers, func(p *ISAKMPPeer) bool { return p.Addr == addr && p.Host == host })
}
