package config

import "qmidle/internal/pki"

// writePeerKeys shows the public keys of peers, as Cisco's examples have them.
func (c *Config) writePeerKeys(w *writer) {
	if len(c.PeerKeys) == 0 {
		return
	}
	w.line("crypto key pubkey-chain rsa")
	for _, k := range c.PeerKeys {
		if k.Name == "" {
			w.line(" addressed-key %s", k.Address)
		} else {
			w.line(" named-key %s", k.Name)
			if k.Address.IsValid() {
				w.line("  address %s", k.Address)
			}
		}
		if k.DER == nil {
			continue
		}
		w.line("  key-string")
		const onALine = 8 * 4
		for b := k.DER; len(b) > 0; {
			n := min(onALine, len(b))
			w.line("   %s", pki.HexGroups(b[:n]))
			b = b[n:]
		}
		w.line("  quit")
	}
	w.line("!")
}
