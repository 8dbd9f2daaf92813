package compare

import (
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
	faces   map[string]*face // by the interface's long name
}

// natRule is `ip nat inside source list NAME ... `.
type natRule struct {
	list string
	line config.Line
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
	f := foreign{faces: make(map[string]*face)}
	var at *face // of the interface whose lines these are
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
		f.nat = append(f.nat, natRule{strings.Fields(line.Text)[5], line})
	}
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
