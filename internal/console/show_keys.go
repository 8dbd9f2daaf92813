package console

import (
	"fmt"
	"net/netip"
	"strings"

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
	for _, k := range r.Config().ISAKMP.Keys {
		row := ISAKMPKey{Keyring: "default", Hostname: k.Hostname, NoXauth: k.NoXauth, key: string(k.Key.Reveal())}
		if k.Addr.IsValid() {
			row.Prefix = k.Prefix()
		}
		view.Keys = append(view.Keys, row)
	}
	return view
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
	mask, _ := policy.Mask(policy.ProxyFromPrefix(k.Prefix, 0, 0))
	return fmt.Sprintf("%-14s [%-15s]", k.Prefix.Addr(), mask)
}
