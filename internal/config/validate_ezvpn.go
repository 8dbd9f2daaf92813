package config

// checkEasyVPNs looks for clients that cannot connect.
func (e *Editor) checkEasyVPNs() {
	outside := map[string]string{}
	inside := map[string]bool{}
	for _, i := range e.cfg.Interfaces {
		key := interfaceMark(i.Name) + " ezvpn"
		switch {
		case i.EasyVPN == "":
			continue
		case e.cfg.EasyVPNFor(i.EasyVPN) == nil:
			e.find(Error, CodeReference, key, e.similar("Easy VPN client", i.EasyVPN, e.cfg.easyVPNNames), "there is no Easy VPN client %s", i.EasyVPN)
		case i.EasyVPNInside:
			inside[i.EasyVPN] = true
			if len(i.Addresses) == 0 {
				e.find(Error, CodeReference, key, "write `ip address` on it", "%s is inside of an Easy VPN client, and its network is not known", i.Name)
			}
		case outside[i.EasyVPN] != "":
			e.find(Error, CodeReference, key, "only the networks inside may be several", "Easy VPN client %s is outside on %s already", i.EasyVPN, outside[i.EasyVPN])
		case i.CryptoMap != "":
			e.find(Error, CodeReference, key, "take one of them off", "%s has a crypto map and an Easy VPN client", i.Name)
		default:
			outside[i.EasyVPN] = i.Name
		}
	}
	for _, v := range e.cfg.EasyVPNs {
		e.checkEasyVPN(v, outside[v.Name] != "", inside[v.Name])
	}
}

func (e *Editor) checkEasyVPN(v *EasyVPN, outside, inside bool) {
	key := easyVPNMark(v.Name)
	severity := Warning
	if outside {
		severity = Error
	}
	if v.Local != "" {
		e.checkLocalInterface(v.Local, key+" local")
	}
	if v.Connect == ConnectACL && e.lists[v.ACL] == nil {
		e.find(severity, CodeReference, key+" connect", e.similar("extended access list", v.ACL, e.cfg.listNames), "there is no access list %s", v.ACL)
	}
	switch {
	case len(v.Peers) == 0:
		e.find(severity, CodeDisabled, key, "write `peer` below it", "Easy VPN client %s has no server", v.Name)
	case v.Group == "":
		e.find(severity, CodeDisabled, key, "write `group NAME key KEY` below it", "Easy VPN client %s has no group", v.Name)
	case !outside:
		e.find(Warning, CodeUnused, key, "write `crypto ipsec client ezvpn "+v.Name+"` on an interface", "Easy VPN client %s is on no interface", v.Name)
	case v.Mode == ModeNetworkExtension && !inside:
		e.find(Error, CodeDisabled, key, "write `crypto ipsec client ezvpn "+v.Name+" inside` on it", "network extension of %s has no interface inside", v.Name)
	}
	if v.Stored && v.User == "" {
		e.find(Warning, CodeDisabled, key, "write `username NAME password PASSWORD` below it", "Easy VPN client %s has no user to log in with", v.Name)
	}
}

func (c *Config) easyVPNNames() (names []string) {
	for _, v := range c.EasyVPNs {
		names = append(names, v.Name)
	}
	return names
}
