package console

import (
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/policy"
)

// ISAKMPKeys is show crypto isakmp key. The keys themselves are in the text
// only, as IOS shows them: what reads JSON keeps logs.
type ISAKMPKeys struct {
	Keys []ISAKMPKey `json:"keys"`
}

// ISAKMPKey is a pre-shared key's peers: a range of addresses, or a host name.
type ISAKMPKey struct {
	Keyring  string       `json:"keyring"`
	Prefix   netip.Prefix `json:"prefix,omitzero"`
	Hostname string       `json:"key_hostname,omitempty"`
	NoXauth  bool         `json:"no_xauth"`

	key string
}

func isakmpKeys(r Router) ISAKMPKeys {
	view := ISAKMPKeys{Keys: []ISAKMPKey{}}
	view.add(config.DefaultKeyring, r.Config().ISAKMP.Keys)
	for _, ring := range r.Config().Keyrings {
		view.add(ring.Name, ring.Keys)
	}
	return view
}

func (v *ISAKMPKeys) add(keyring string, keys []config.PresharedKey) {
	for _, k := range keys {
		row := ISAKMPKey{Keyring: keyring, Hostname: k.Hostname, NoXauth: k.NoXauth, key: string(k.Key.Reveal())}
		if k.Addr.IsValid() {
			row.Prefix = k.Prefix()
		}
		v.Keys = append(v.Keys, row)
	}
}

// Text is IOS's table.
func (v ISAKMPKeys) Text() string {
	var b strings.Builder
	b.WriteString("Keyring      Hostname/Address                            Preshared Key\n\n")
	for _, k := range v.Keys {
		fmt.Fprintf(&b, "%-12s %-43s %s\n", k.Keyring, k.peer(), k.key)
	}
	return b.String()
}

// peer is the column of a key's peers: the mask is left out for one host.
func (k ISAKMPKey) peer() string {
	switch {
	case !k.Prefix.IsValid():
		return k.Hostname
	case k.Prefix.IsSingleIP():
		return k.Prefix.Addr().String()
	}
	return fmt.Sprintf("%-14s [%-15s]", k.Prefix.Addr(), maskText(k.Prefix))
}

func maskText(p netip.Prefix) string {
	mask, _ := policy.Mask(policy.ProxyFromPrefix(p, 0, 0))
	return mask.String()
}

// maskedText is an address with its mask; every address has none.
func maskedText(p netip.Prefix) string {
	if p.Bits() == 0 {
		return p.Addr().String()
	}
	return p.Addr().String() + " " + maskText(p)
}
