package config

// write shows an Easy VPN client as IOS does, its keys in clear.
func (v *EasyVPN) write(w *writer) {
	w.line("crypto ipsec client ezvpn %s", v.Name)
	switch v.Connect {
	case ConnectManual:
		w.line(" connect manual")
	case ConnectACL:
		w.line(" connect acl %s", v.ACL)
	default:
		w.line(" connect auto")
	}
	if v.Group != "" {
		w.line(" group %s key %s", v.Group, PresharedKey{Key: v.Key}.word())
	}
	if v.Local != "" {
		w.line(" local-address %s", v.Local)
	}
	if v.Mode == ModeNetworkExtension {
		w.line(" mode network-extension")
	} else {
		w.line(" mode client")
	}
	for _, p := range v.Peers {
		if p.Default {
			w.line(" peer %s default", p)
		} else {
			w.line(" peer %s", p)
		}
	}
	if v.User != "" {
		w.line(" username %s password %s", v.User, PresharedKey{Key: v.Password}.word())
	}
	if v.Idle > 0 {
		w.line(" idletime %d", v.Idle)
	}
	if v.Stored {
		w.line(" xauth userid mode local")
	} else {
		w.line(" xauth userid mode interactive")
	}
}
