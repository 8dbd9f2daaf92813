package compare

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"qmidle/internal/config"
)

// foreign is what of a router's configuration bears upon its tunnels although it
// is not about VPN, so that package config skips it. None of these lines holds a
// secret.
type foreign struct {
	routing []config.Line // `router ospf 1` and the like: routes come from there
	nat     []natRule
	senders map[string][]senderRule // standard access lists, by name or number
	maps    map[string][]string     // the access lists that a route map matches
	faces   map[string]*face        // by the interface's long name
}

// natRule is `ip nat inside source list NAME` or `... route-map NAME`.
type natRule struct {
	list, routeMap string
	line           config.Line
}

// senderRule is a line of a standard access list, which looks at the sender only.
type senderRule struct {
	permit bool
	from   config.AddrMatch
	line   config.Line
}

// face is what an interface has besides.
type face struct {
	natInside, natOutside bool
	filterIn              string // `ip access-group NAME in`
	filterLine            config.Line
	unnumbered            string
	unnumberedLine        config.Line
}

// routingProtocols bring routes that no file tells.
var routingProtocols = map[string]bool{"ospf": true, "bgp": true, "eigrp": true, "rip": true, "isis": true, "igrp": true}

// scan reads the lines of a file that parsed.
func scan(text string) foreign {
	f := foreign{faces: make(map[string]*face), senders: make(map[string][]senderRule), maps: make(map[string][]string)}
	var at *face // of the interface whose lines these are
	var list, routeMap string
	for i, raw := range strings.Split(text, "\n") {
		line := config.Line{Number: i + 1, Text: strings.TrimRight(raw, " \t\r")}
		words := strings.Fields(strings.ToLower(raw))
		if len(words) < 2 {
			continue
		}
		if words[0] == "interface" {
			at = &face{}
			f.faces[interfaceOf(strings.Fields(raw)[1:])] = at
			continue
		}
		if raw[0] != ' ' && raw[0] != '\t' {
			f.global(words, line)
			if words[0] != "ip" {
				at = nil
			}
		}
		written := strings.Fields(raw)
		switch {
		case strings.HasPrefix(line.Text, "ip access-list standard ") && len(words) > 3:
			list, routeMap = written[3], ""
		case words[0] == "route-map":
			list, routeMap = "", ""
			if len(words) < 3 || words[2] == "permit" {
				routeMap = written[1]
			}
		case list != "" && (words[0] == "permit" || words[0] == "deny"):
			f.sender(list, words, line)
		case routeMap != "" && strings.HasPrefix(strings.Join(words, " "), "match ip address ") && words[3] != "prefix-list":
			f.maps[routeMap] = append(f.maps[routeMap], written[3:]...)
		case raw[0] != ' ' && raw[0] != '\t' && words[0] != "match" && words[0] != "set":
			list, routeMap = "", ""
		}
		if at != nil {
			at.read(words, strings.Fields(raw), line)
		}
	}
	return f
}

func (f *foreign) global(words []string, line config.Line) {
	switch {
	case words[0] == "router" && routingProtocols[words[1]]:
		f.routing = append(f.routing, line)
	case strings.HasPrefix(line.Text, "ip nat inside source list ") && len(words) > 5:
		f.nat = append(f.nat, natRule{list: strings.Fields(line.Text)[5], line: line})
	case strings.HasPrefix(line.Text, "ip nat inside source route-map ") && len(words) > 5:
		f.nat = append(f.nat, natRule{routeMap: strings.Fields(line.Text)[5], line: line})
	case words[0] == "access-list" && len(words) > 3 && standard(words[1]):
		f.sender(words[1], words[2:], line)
	}
}

// sender reads `permit any`, `permit host A`, `permit A` and `permit A WILDCARD`.
func (f *foreign) sender(list string, words []string, line config.Line) {
	r := senderRule{permit: words[0] == "permit", line: line}
	rest := slices.DeleteFunc(slices.Clone(words[1:]), func(w string) bool { return w == "log" || w == "host" })
	if len(rest) == 0 || words[0] != "permit" && words[0] != "deny" {
		return
	}
	if rest[0] == "any" {
		rest = []string{"0.0.0.0", "255.255.255.255"}
	}
	var err error
	if r.from.Addr, err = netip.ParseAddr(rest[0]); err != nil || !r.from.Addr.Is4() {
		return
	}
	r.from.Wildcard = netip.IPv4Unspecified()
	if len(rest) > 1 {
		if w, err := netip.ParseAddr(rest[1]); err == nil && w.Is4() {
			r.from.Wildcard = w
		}
	}
	f.senders[list] = append(f.senders[list], r)
}

// decideSender is the first line of a standard access list that a sender matches.
func (f *foreign) decideSender(list string, a netip.Addr) (r senderRule, ok bool) {
	for _, r := range f.senders[list] {
		if r.from.Matches(a) {
			return r, true
		}
	}
	return r, false
}

func (at *face) read(words, written []string, line config.Line) {
	switch strings.Join(words[:2], " ") {
	case "ip nat":
		if len(words) == 3 {
			at.natInside = at.natInside || words[2] == "inside"
			at.natOutside = at.natOutside || words[2] == "outside"
		}
	case "ip access-group":
		if len(words) == 4 && words[3] == "in" {
			at.filterIn, at.filterLine = written[2], line
		}
	case "ip unnumbered":
		if len(words) > 2 {
			at.unnumbered = interfaceOf(written[2:])
			at.unnumberedLine = line
		}
	}
}

// interfaceOf is the long name of an interface that may be written in two words.
func interfaceOf(words []string) string {
	name := words[0]
	if len(words) > 1 && words[1][0] >= '0' && words[1][0] <= '9' {
		name += words[1]
	}
	long, _, _ := config.InterfaceName(name)
	return long
}

// standard says whether a number is that of a standard access list, which is not
// kept.
func standard(list string) bool {
	n, err := strconv.Atoi(list)
	return err == nil && (n < 100 || n >= 1300 && n < 2000)
}
