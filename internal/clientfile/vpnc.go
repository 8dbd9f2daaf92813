package clientfile

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/secret"
)

// setting is one variable of vpnc's configuration: its name, and what its value
// does. One without value has flag.
type setting struct {
	name  string
	value func(f *File, v string) error
	flag  func(f *File)
}

// settings are those of vpnc's manual page.
var settings = []setting{
	{name: "IPSec gateway", value: word(func(f *File) *string { return &f.Gateway })},
	{name: "IPSec ID", value: word(func(f *File) *string { return &f.Group })},
	{name: "IPSec secret", value: password(func(f *File) *secret.Secret { return &f.Secret })},
	{name: "IPSec obfuscated secret", value: obfuscated(func(f *File) *secret.Secret { return &f.Secret })},
	{name: "Xauth username", value: word(func(f *File) *string { return &f.Username })},
	{name: "Xauth password", value: password(func(f *File) *secret.Secret { return &f.Password })},
	{name: "Xauth obfuscated password", value: obfuscated(func(f *File) *secret.Secret { return &f.Password })},
	{name: "Domain", value: word(func(f *File) *string { return &f.Domain })},
	{name: "Xauth interactive"}, // a challenge is always asked for
	{name: "Vendor", value: vendor},
	{name: "NAT Traversal Mode", value: natMode},
	{name: "Script", value: ignored},
	{name: "IKE DH Group", value: dhGroup},
	{name: "Perfect Forward Secrecy", value: pfs},
	{name: "Enable Single DES", flag: func(f *File) { f.WeakEncryption = true }},
	{name: "Enable weak encryption", flag: func(f *File) { f.WeakEncryption = true }},
	{name: "Enable no encryption", flag: func(f *File) { f.NoEncryption = true }},
	{name: "Enable weak authentication", flag: func(f *File) { f.WeakAuthentication = true }},
	{name: "Application version", value: word(func(f *File) *string { return &f.Application })},
	{name: "Interface name", value: word(func(f *File) *string { return &f.Interface })},
	{name: "Interface mode", value: interfaceMode},
	{name: "Interface MTU", value: number(0, 65535, func(f *File) *int { return &f.MTU })},
	{name: "Debug", value: number(0, 99, func(f *File) *int { return &f.Debug })},
	{name: "No Detach", flag: func(f *File) { f.NoDetach = true }},
	{name: "Pidfile", value: ignored},
	{name: "Local Addr", value: localAddress},
	{name: "Local Port", value: number(0, 65535, func(f *File) *int { return &f.LocalPort })},
	{name: "Cisco UDP Encapsulation Port", value: number(0, 65535, func(f *File) *int { return &f.UDPPort })},
	{name: "UDP Encapsulation Port", value: number(0, 65535, func(f *File) *int { return &f.UDPPort })},
	{name: "DPD idle timeout (our side)", value: dpd},
	{name: "Noninteractive", flag: func(f *File) { f.Noninteractive = true }},
	{name: "IKE Authmode", value: authMode},
	{name: "CA-File", value: ignored},
	{name: "CA-Dir", value: ignored},
	{name: "IPSEC target network", value: target},
	{name: "Password helper", value: ignored},
}

// readVPNC reads vpnc's configuration: a variable a line, its name in any case,
// the value behind blanks; comments begin with #.
func readVPNC(text string) (File, error) {
	f := Default()
	for n, line := range lines(text) {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f.setVPNC(line); err != nil {
			return f, at(n, err)
		}
	}
	return f, nil
}

func (f *File) setVPNC(line string) error {
	s, value, ok := findSetting(line)
	switch {
	case !ok:
		name, _, _ := strings.Cut(line, " ")
		return &Error{Text: fmt.Sprintf("no setting of vpnc begins with %q", printable(name)), Hint: "`vpnc --long-help` lists them"}
	case s.value == nil && value != "":
		return &Error{Text: "`" + s.name + "` takes no value"}
	case s.value == nil:
		if s.flag != nil {
			s.flag(f)
		}
		return nil
	case value == "":
		return &Error{Text: "`" + s.name + "` lacks its value"}
	}
	before := len(f.Ignored)
	if err := s.value(f, value); err != nil {
		return err
	}
	if len(f.Ignored) > before {
		f.Ignored[before] = s.name
	}
	return nil
}

// findSetting finds the variable that a line begins with; the longest name wins.
func findSetting(line string) (found setting, value string, ok bool) {
	for _, s := range settings {
		if len(s.name) <= len(found.name) || len(line) < len(s.name) || !strings.EqualFold(line[:len(s.name)], s.name) {
			continue
		}
		rest := line[len(s.name):]
		if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			continue
		}
		// One blank ends the name. A password may begin with more of them, as vpnc
		// has it.
		if found, ok = s, true; rest != "" {
			rest = rest[1:]
		}
		value = rest
	}
	return found, value, ok
}

func word(of func(*File) *string) func(*File, string) error {
	return func(f *File, v string) error {
		*of(f) = strings.TrimSpace(v)
		return nil
	}
}

func password(of func(*File) *secret.Secret) func(*File, string) error {
	return func(f *File, v string) error {
		*of(f) = secret.New([]byte(v))
		return nil
	}
}

func obfuscated(of func(*File) *secret.Secret) func(*File, string) error {
	return func(f *File, v string) error {
		s, err := reveal(v)
		if err != nil {
			return &Error{Text: err.Error(), Hint: "copy it anew from the client's profile, all of it in one line"}
		}
		*of(f) = s
		return nil
	}
}

// ignored marks a setting that has no meaning here.
func ignored(f *File, _ string) error {
	f.Ignored = append(f.Ignored, "")
	return nil
}

func number(lo, hi int, of func(*File) *int) func(*File, string) error {
	return func(f *File, v string) error {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil || n < lo || n > hi {
			return &Error{Text: fmt.Sprintf("%q is no number from %d to %d", printable(v), lo, hi)}
		}
		*of(f) = n
		return nil
	}
}

func dpd(f *File, v string) error {
	if err := number(0, 86400, func(f *File) *int { return &f.DPDSeconds })(f, v); err != nil {
		return err
	}
	if f.DPDSeconds > 0 && f.DPDSeconds < 10 {
		return &Error{Text: "dead peer detection cannot be faster than every 10 seconds", Hint: "0 switches it off"}
	}
	return nil
}

func vendor(_ *File, v string) error {
	if v = strings.TrimSpace(v); strings.EqualFold(v, "cisco") {
		return nil
	}
	return oneOf(v, "cisco")
}

func interfaceMode(_ *File, v string) error {
	if v = strings.TrimSpace(v); strings.EqualFold(v, "tun") {
		return nil
	}
	return oneOf(v, "tun")
}

func natMode(f *File, v string) error {
	return choose(&f.NAT, v, map[string]NATMode{"natt": NATTraversal, "none": NATNone, "force-natt": NATForced, "cisco-udp": NATCiscoUDP})
}

func authMode(f *File, v string) error {
	return choose(&f.Auth, v, map[string]Auth{"psk": AuthPSK, "hybrid": AuthHybrid, "cert": AuthCert})
}

var dhGroups = map[string]int{"dh1": 1, "dh2": 2, "dh5": 5, "dh14": 14, "dh15": 15, "dh16": 16, "dh17": 17, "dh18": 18}

func dhGroup(f *File, v string) error { return choose(&f.DHGroup, v, dhGroups) }

func pfs(f *File, v string) error {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "server":
		f.PFS = PFSServer
	case "nopfs":
		f.PFS = PFSNone
	default:
		if err := choose(&f.PFSGroup, v, dhGroups); err != nil {
			return &Error{Text: fmt.Sprintf("%q is not server, nopfs or a group such as dh2", printable(v))}
		}
		f.PFS = PFSGroup
	}
	return nil
}

func localAddress(f *File, v string) error {
	a, err := netip.ParseAddr(strings.TrimSpace(v))
	if err != nil {
		return &Error{Text: fmt.Sprintf("%q is no address", printable(v))}
	}
	if f.LocalAddress = a; a.IsUnspecified() {
		f.LocalAddress = netip.Addr{}
	}
	return nil
}

// target reads ADDRESS/BITS or ADDRESS/MASK.
func target(f *File, v string) error {
	v = strings.TrimSpace(v)
	p, err := netip.ParsePrefix(v)
	if addr, mask, ok := strings.Cut(v, "/"); err != nil && ok {
		p, err = prefixOf(addr, mask)
	}
	if err != nil {
		return &Error{Text: fmt.Sprintf("%q is no network", printable(v)), Hint: "such as 10.1.0.0/16 or 10.1.0.0/255.255.0.0"}
	}
	if f.Targets = append(f.Targets, p.Masked()); len(f.Targets) > maxTargets {
		return &Error{Text: "too many target networks"}
	}
	return nil
}

const maxTargets = 256
