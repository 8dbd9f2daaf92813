package diagnose

import (
	"fmt"
	"net/netip"
	"strings"
)

// suite is a phase 1 suite in IOS's words.
type suite struct{ encr, hash, group, auth string }

// readSuite reads what suiteWords wrote.
func readSuite(words string) (s suite, ok bool) {
	for _, part := range strings.Split(words, ", ") {
		name, value, _ := strings.Cut(part, " ")
		switch name {
		case "encr":
			s.encr = value
		case "hash":
			s.hash = value
		case "group":
			s.group = value
		case "authentication":
			s.auth = value
		}
	}
	return s, s.encr != "" && s.hash != "" && s.group != ""
}

// ike is the suite as `proposals` of swanctl, and libreswan's `ike`.
func (s suite) swan() string { return dense(s.encr) + "-" + s.hashSwan() + "-" + modp(s.group) }
func (s suite) libre() string {
	return dense(s.encr) + "-" + libreHash(s.hash) + ";" + modp(s.group)
}

func (s suite) hashSwan() string {
	if s.hash == "sha" {
		return "sha1"
	}
	return s.hash
}

// dense is a cipher without blanks: aes256.
func dense(encr string) string {
	encr = strings.ReplaceAll(encr, " ", "")
	if encr == "aes" {
		return "aes128"
	}
	return encr
}

func libreHash(hash string) string {
	switch hash {
	case "sha":
		return "sha1"
	case "sha256", "sha384", "sha512":
		return "sha2_" + hash[3:]
	}
	return hash
}

var modpNames = map[string]string{"1": "modp768", "2": "modp1024", "5": "modp1536", "14": "modp2048", "15": "modp3072",
	"16": "modp4096", "19": "ecp256", "20": "ecp384", "21": "ecp521", "24": "modp2048s256"}

// modp is a group's name outside of Cisco's systems.
func modp(group string) string {
	if name, ok := modpNames[group]; ok {
		return name
	}
	return "group" + group
}

// espSwan is a transform set as `esp_proposals` of swanctl, with a group for
// perfect forward secrecy or "".
func espSwan(set, group string) string {
	words := []string{}
	fields := strings.Fields(set)
	for i := 0; i < len(fields); i++ {
		word := strings.TrimSuffix(strings.TrimPrefix(fields[i], "esp-"), "-hmac")
		if i+1 < len(fields) && !strings.HasPrefix(fields[i+1], "esp-") {
			word += fields[i+1]
			i++
		}
		switch word {
		case "aes":
			word = "aes128"
		case "sha":
			word = "sha1"
		case "gcm", "gcm128", "gcm192", "gcm256":
			word = "aes" + strings.TrimPrefix(word, "gcm") + "gcm16"
		}
		words = append(words, word)
	}
	if group != "" {
		words = append(words, modp(group))
	}
	return strings.Join(words, "-")
}

func espLibre(set string) string {
	s := espSwan(set, "")
	for _, n := range []string{"256", "384", "512"} {
		s = strings.ReplaceAll(s, "-sha"+n, "-sha2_"+n)
	}
	return s
}

// sides are the networks of a pair; ok is false where they are no prefixes.
func sides(pair string) (local, remote netip.Prefix, ok bool) {
	l, r, _ := strings.Cut(pair, " - ")
	local, ok1 := netOf(l)
	remote, ok2 := netOf(r)
	return local, remote, ok1 && ok2
}

// ACLWords are a network in an access list of IOS.
func ACLWords(p netip.Prefix) string {
	if p.IsSingleIP() {
		return "host " + p.Addr().String()
	}
	if p.Bits() == 0 {
		return "any"
	}
	return p.Addr().String() + " " + wildcard(p)
}

func wildcard(p netip.Prefix) string {
	n := uint32(0xffffffff) >> p.Bits()
	return fmt.Sprintf("%d.%d.%d.%d", n>>24, n>>16&255, n>>8&255, n&255)
}

// Netmask is a prefix's mask in dotted form.
func Netmask(p netip.Prefix) string {
	n := ^(uint32(0xffffffff) >> p.Bits())
	if p.Bits() == 0 {
		n = 0
	}
	return fmt.Sprintf("%d.%d.%d.%d", n>>24, n>>16&255, n>>8&255, n&255)
}

// protocolOf is the protocol that a pair names, "ip" for any.
func protocolOf(pair string) string {
	for _, p := range []string{"tcp", "udp", "icmp", "gre"} {
		if strings.Contains(pair, " "+p) {
			return p
		}
	}
	return "ip"
}
