package simulate

import (
	"fmt"
	"strings"
	"time"
)

// clear types one of the commands that clear SAs.
func (d *draw) clear(at, _ time.Duration) *Step {
	s := pick(d, d.plan.sites)
	peer := pick(d, pick(d, s.peers).peers).seen
	command := pick(d, []string{"clear crypto isakmp", "clear crypto sa", "clear crypto session", "clear crypto sa map " + mapName,
		fmt.Sprintf("clear crypto sa peer %s", peer), fmt.Sprintf("clear crypto session remote %s", peer)})
	if s.client {
		command = pick(d, []string{"clear crypto isakmp", "clear crypto session", "clear crypto ipsec client ezvpn"})
	}
	return newStep("%s: %s", s.name, command).at(at, "%s# %s", s.name, command)
}

// configure types lines in configuration mode, and keeps them for a restart.
func (st *Step) configure(at time.Duration, s *site, lines ...string) *Step {
	st.at(at, "%s# configure terminal", s.name)
	for _, line := range lines {
		st.at(at, "%s# %s", s.name, line)
	}
	return st.at(at, "%s# end", s.name).at(at, "%s# write memory", s.name)
}

// once is true for the first change of a kind to a tunnel: after two that are
// made at both ends in turn the ends might not match.
func (d *draw) once(kind string, t *tunnel) bool {
	if d.changed == nil {
		d.changed = make(map[string]bool)
	}
	key := fmt.Sprint(kind, t.id)
	first := !d.changed[key]
	d.changed[key] = true
	return first
}

// change has every end of a tunnel configured anew, one after the other.
func (d *draw) change(kind string, at, end time.Duration, lines func(s *site, e *entry, t *tunnel) []string) *Step {
	t := pick(d, d.plan.tunnels)
	if t.access() || !d.once(kind, t) {
		return nil
	}
	st := newStep("another %s for tunnel %d", kind, t.id)
	st.kind = kind
	for i, s := range shuffled(d, t.ends()) {
		when := at
		if i > 0 {
			when = at + time.Duration(d.Int64N(int64(end-at)+1))
		}
		for _, e := range s.peers {
			if e.tunnel == t {
				st.configure(when, s, lines(s, e, t)...)
			}
		}
	}
	return st
}

func (t *tunnel) ends() []*site { return append([]*site{t.near}, t.far...) }

func (d *draw) changeTransform(at, end time.Duration) *Step {
	set := pick(d, phase2)
	return d.change("transform set", at, end, func(_ *site, e *entry, t *tunnel) []string {
		if e.kilobytes > 0 && slow(set) {
			return strings.Split(t.renderSet(0, phase2[0]), "\n")
		}
		return strings.Split(t.renderSet(0, set), "\n")
	})
}

func (d *draw) changePFS(at, end time.Duration) *Step {
	group := pick(d, pfsGroups)
	return d.change("PFS group", at, end, func(_ *site, e *entry, _ *tunnel) []string {
		line := "set pfs " + group
		if group == "" {
			line = "no set pfs"
		}
		return []string{fmt.Sprintf("crypto map %s %d ipsec-isakmp", mapName, e.seq), line}
	})
}

func (d *draw) changeKey(at, end time.Duration) *Step {
	return d.change("key", at, end, func(s *site, e *entry, t *tunnel) (lines []string) {
		for _, peer := range e.peers {
			lines = append(lines, fmt.Sprintf("no crypto isakmp key %s address %s", t.key, peer.seen),
				fmt.Sprintf("crypto isakmp key a-new-%s address %s", t.key, peer.seen))
			if t.aggressive[s] {
				lines = append(lines, strings.Split(s.aggressivePeer(peer, "a-new-"+t.key), "\n")...)
			}
		}
		return lines
	})
}

// onAndOff configures a site and takes it back.
func (d *draw) onAndOff(name string, at, end time.Duration, off, on []string) *Step {
	s := pick(d, d.plan.sites)
	if s.client {
		return nil
	}
	return newStep("%s: %s", s.name, name).configure(at, s, off...).configure(end, s, on...)
}

func (d *draw) mapOff(at, end time.Duration) *Step {
	return d.onAndOff("no crypto map", at, end, []string{"interface " + outerInterface, "no crypto map " + mapName},
		[]string{"interface " + outerInterface, "crypto map " + mapName})
}

func (d *draw) interfaceOff(at, end time.Duration) *Step {
	return d.onAndOff("shutdown", at, end, []string{"interface " + outerInterface, "shutdown"},
		[]string{"interface " + outerInterface, "no shutdown"})
}

func (d *draw) isakmpOff(at, end time.Duration) *Step {
	return d.onAndOff("no crypto isakmp enable", at, end, []string{"no crypto isakmp enable"}, []string{"crypto isakmp enable"})
}

func (d *draw) changeKeepalive(at, _ time.Duration) *Step {
	s := pick(d, d.plan.sites)
	line := "no crypto isakmp keepalive"
	if d.plan.accessible() {
		line = d.steady().String()
	} else if k := d.keepalive(); k != nil {
		line = k.String()
	}
	return newStep("%s: %s", s.name, line).configure(at, s, line)
}

func (d *draw) changeNATKeepalive(at, _ time.Duration) *Step {
	s := pick(d, d.plan.sites)
	line := "no crypto isakmp nat keepalive"
	if d.oneIn(2) {
		line = fmt.Sprintf("crypto isakmp nat keepalive %d", d.between(5, 30))
	}
	return newStep("%s: %s", s.name, line).configure(at, s, line)
}
