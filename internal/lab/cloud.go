package lab

// The cloud is all that lies between links that are outside: whatever leaves one
// of them for a hop that nobody there has comes to the gateway that has its
// destination, as the Internet carries it. It knows no other networks.

// beyond returns the port that takes a packet from the cloud, nil for none: one
// with its destination outside, or one of a gateway whose crypto maps have that
// address on another interface.
func (n *network) beyond(p packet) *port {
	for _, l := range n.links {
		if l.outside {
			if to := l.holderFor(p.dst(), p); to != nil {
				return to
			}
		}
	}
	for _, l := range n.links {
		if !l.outside {
			continue
		}
		for _, x := range l.ports {
			for _, c := range x.host.router.Connections() {
				if c.Local == p.dst() && x.nat == nil {
					return x
				}
			}
		}
	}
	return nil
}

// openOutside puts the cloud at the far end of the links of some interfaces.
func (h *host) openOutside(names []string) {
	for _, p := range h.ports {
		for _, name := range names {
			if p.name == name && p.link != nil {
				p.link.outside = true
			}
		}
	}
}
