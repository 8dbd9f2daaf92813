package console

import (
	"fmt"
	"net/netip"
	"strings"
)

// PeerKeys is show crypto key pubkey-chain rsa: the public keys of peers.
type PeerKeys struct {
	Keys []KnownPeerKey `json:"keys"`
}

// KnownPeerKey is one of them. Bits is 0 for a key whose text is not there.
type KnownPeerKey struct {
	Address netip.Addr `json:"address,omitzero"`
	Name    string     `json:"name,omitempty"`
	Bits    int        `json:"bits"`
}

func peerKeys(r Router) PeerKeys {
	v := PeerKeys{Keys: []KnownPeerKey{}}
	for _, k := range r.Config().PeerKeys {
		row := KnownPeerKey{Address: k.Address, Name: k.Name}
		if public := k.Public(); public != nil {
			row.Bits = public.N.BitLen()
		}
		v.Keys = append(v.Keys, row)
	}
	return v
}

// Text is the table of Cisco's command reference. A key is for general use, since
// that is the only one that is read.
func (v PeerKeys) Text() string {
	var b strings.Builder
	b.WriteString("Codes: M - Manually Configured, C - Extracted from certificate\n\n")
	fmt.Fprintf(&b, "%-6s %-12s %-16s %s\n", "Code", "Usage", "IP-address", "Name")
	for _, k := range v.Keys {
		address := ""
		if k.Address.IsValid() {
			address = k.Address.String()
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("%-6s %-12s %-16s %s", "M", "General", address, k.Name), " "))
	}
	return b.String()
}
