package clientfile

import (
	"fmt"
	"strconv"
	"strings"

	"qmidle/internal/secret"
)

// looksLikePCF says whether the first line that says something is a section or an
// assignment.
func looksLikePCF(text string) bool {
	for _, line := range lines(text) {
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		return line[0] == '[' || strings.Contains(line, "=")
	}
	return false
}

// readPCF reads a profile of Cisco's VPN Client: `Key=Value` lines, keys in any
// case, in the section [main]. A `!` before a key makes it read-only, which is
// nothing here.
func readPCF(text string) (File, error) {
	p := pcf{File: Default()}
	p.LocalPort = 0
	section := "main"
	for n, line := range lines(text) {
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.ToLower(strings.Trim(strings.TrimSpace(line), "[]"))
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "!"), "=")
		if !ok {
			return p.File, &Error{Line: n, Text: "a line of a .pcf profile is `Key=Value`"}
		}
		if section != "main" {
			continue
		}
		if err := p.set(strings.TrimSpace(key), value); err != nil {
			return p.File, at(n, err)
		}
	}
	return p.finish(), nil
}

// pcf is a profile whose settings depend on each other.
type pcf struct {
	File
	tunnelingOff bool // EnableNat=0
	mode         int  // TunnelingMode: 0 is UDP, 1 is TCP
	backupOn     bool
	backup       []string
}

// set takes one key. An obfuscated password counts only where the plain one is
// empty: the client writes both.
func (p *pcf) set(key, value string) error {
	v := strings.TrimSpace(value)
	switch strings.ToLower(key) {
	case "host":
		p.Gateway = v
	case "groupname":
		p.Group = v
	case "grouppwd":
		if v != "" {
			p.Secret = secret.New([]byte(v))
		}
	case "enc_grouppwd":
		return p.obfuscated(&p.Secret, v)
	case "username":
		p.Username = v
	case "userpassword":
		if v != "" {
			p.Password = secret.New([]byte(v))
		}
	case "enc_userpassword":
		return p.obfuscated(&p.Password, v)
	case "ntdomain":
		p.Domain = v
	case "authtype":
		return p.authType(v)
	case "dhgroup":
		return p.number(&p.DHGroup, v, 1, 18)
	case "enablenat":
		p.tunnelingOff = v == "0"
	case "tunnelingmode":
		return p.number(&p.mode, v, 0, 1)
	case "peertimeout":
		return p.number(&p.DPDSeconds, v, 0, 86400)
	case "enablebackup":
		p.backupOn = v == "1"
	case "backupserver":
		p.backup = splitNames(v)
	default:
		p.note(key, v)
	}
	return nil
}

// note keeps the name of a setting without a meaning here, unless it is empty or
// off.
func (p *pcf) note(key, v string) {
	if v != "" && v != "0" && !strings.EqualFold(key, "description") && len(p.Ignored) < maxTargets {
		p.Ignored = append(p.Ignored, printable(key))
	}
}

func (p *pcf) obfuscated(to *secret.Secret, v string) error {
	if v == "" || !to.IsZero() {
		return nil
	}
	s, err := reveal(v)
	if err != nil {
		return &Error{Text: err.Error(), Hint: "copy the profile anew from the client"}
	}
	*to = s
	return nil
}

// authType: 1 is the group's password, 3 a certificate, 5 both.
func (p *pcf) authType(v string) error {
	return choose(&p.Auth, v, map[string]Auth{"1": AuthPSK, "3": AuthCert, "5": AuthHybrid, "": AuthPSK})
}

func (p *pcf) number(to *int, v string, lo, hi int) error {
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return &Error{Text: fmt.Sprintf("%q is no number from %d to %d", printable(v), lo, hi)}
	}
	*to = n
	return nil
}

// finish settles what several keys say together.
func (p *pcf) finish() File {
	switch {
	case p.tunnelingOff:
		p.NAT = NATNone
	case p.mode == 1:
		p.Ignored = append(p.Ignored, "TunnelingMode=1 (TCP)")
	}
	if p.backupOn {
		p.Backup = p.backup
	}
	return p.File
}

func splitNames(v string) (names []string) {
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.TrimSpace(name); name != "" && len(names) < maxTargets {
			names = append(names, name)
		}
	}
	return names
}
