package config

import "strings"

// interfaceTypes are IOS's interface types: long and short name.
var interfaceTypes = []struct{ long, short string }{
	{"Async", "As"},
	{"ATM", "AT"},
	{"BVI", "BV"},
	{"Bundle-Ether", "BE"},
	{"Cellular", "Ce"},
	{"Dialer", "Di"},
	{"Ethernet", "Et"},
	{"FastEthernet", "Fa"},
	{"FortyGigabitEthernet", "Fo"},
	{"GigabitEthernet", "Gi"},
	{"HundredGigE", "Hu"},
	{"Loopback", "Lo"},
	{"Multilink", "Mu"},
	{"Null", "Nu"},
	{"Port-channel", "Po"},
	{"Serial", "Se"},
	{"TenGigabitEthernet", "Te"},
	{"Tunnel", "Tu"},
	{"TwentyFiveGigE", "Twe"},
	{"Virtual-Access", "Vi"},
	{"Virtual-Template", "Vt"},
	{"Vlan", "Vl"},
}

// InterfaceName returns the long and the short form of an interface's name as
// IOS takes it (Gi0/1, gig0/1, GigabitEthernet0/1). A Linux interface's name is
// both its forms; among those that could be either, eth0 is Linux's and the
// rest (tun0, lo0, vlan10) are IOS's. ok is false for what neither takes.
func InterfaceName(name string) (long, short string, ok bool) {
	digit := strings.IndexAny(name, "0123456789")
	if digit > 0 && !strings.HasPrefix(name, "eth") && interfaceNumber(name[digit:]) {
		if long, short, ok = interfaceType(name[:digit]); ok {
			return long + name[digit:], short + name[digit:], true
		}
	}
	if strings.HasPrefix(name, "eth") && strings.Contains(name, "/") {
		return "Ethernet" + name[digit:], "Et" + name[digit:], interfaceNumber(name[digit:])
	}
	return name, name, linuxName(name)
}

// interfaceType finds the type that a prefix stands for. A short name wins,
// then the only type that starts so.
func interfaceType(prefix string) (long, short string, ok bool) {
	for _, t := range interfaceTypes {
		if strings.EqualFold(prefix, t.short) || strings.EqualFold(prefix, t.long) {
			return t.long, t.short, true
		}
	}
	for _, t := range interfaceTypes {
		if !hasPrefixFold(t.long, prefix) {
			continue
		}
		if ok {
			return "", "", false
		}
		long, short, ok = t.long, t.short, true
	}
	return long, short, ok
}

// interfaceNumber says whether s is 0, 0/1, 0/0/0 or 0/1.100.
func interfaceNumber(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case (r == '/' || r == '.' || r == ':') && digits > 0 && i < len(s)-1:
			digits = 0
		default:
			return false
		}
	}
	return digits > 0
}

// linuxName says whether Linux takes the name: at most 15 bytes, without slash,
// colon or blank.
func linuxName(name string) bool {
	if name == "" || len(name) > 15 || name == "." || name == ".." {
		return false
	}
	return !strings.ContainsAny(name, "/: \t") && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
