package simulate

// clearText holds that no packet that a crypto access list selects is seen in
// clear on the link, and that none which came so is taken. The lists are the
// plan's; whether the crypto map is on the interface now, the running
// configuration says.
type clearText struct{ r *run }

func (c clearText) sent(s *site, iface string, p ip) {
	if iface == outerInterface && c.protected(s) && s.selects(p) {
		c.r.fail("no clear packet", "%s sends from %v to %v in clear", s.name, p.src(), p.dst())
	}
}

func (c clearText) arrived(s *site, p ip) {
	back := ip(append([]byte(nil), p...))
	copy(back[12:16], p[16:20])
	copy(back[16:20], p[12:16])
	if c.protected(s) && s.selects(back) {
		c.r.fail("no clear packet", "%s takes a packet from %v to %v that came in clear", s.name, p.src(), p.dst())
	}
}

// protected says whether a site's crypto map is on its interface.
func (c clearText) protected(s *site) bool {
	i := c.r.world.Router(s.name).Config().Interface(outerInterface)
	return i != nil && (i.CryptoMap == mapName || s.client && i.EasyVPN != "") && !i.Shutdown
}

// selects says whether one of a site's crypto access lists selects a packet
// that leaves it.
func (s *site) selects(p ip) bool {
	for _, e := range s.peers {
		for _, l := range e.lines {
			if l.local.Contains(p.src()) && l.remote.Contains(p.dst()) {
				return true
			}
		}
	}
	return false
}
