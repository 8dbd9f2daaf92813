//go:build interop

package interop

import (
	"fmt"
	"strings"
)

const presharedKey = "an-example-key"

// suite is what both ends are configured with.
type suite struct {
	release string // of IOS; 12.3 knows NAT-T's drafts only
	cipher  string // as IOS writes it
	hash    string
	group   int
	esp     string
	pfs     int // the group, 0 for none
	dpd     bool
}

// usual is the suite of the tests that are about something else.
var usual = suite{"15.2", "aes", "sha", 2, "esp-aes esp-sha-hmac", 0, false}

func (x suite) String() string {
	return strings.ReplaceAll(fmt.Sprintf("%s,%s,group%d,%s,pfs%d,%s", x.cipher, x.hash, x.group, x.esp, x.pfs, x.release), " ", "-")
}

// names has the words of charon: in proposals, and in its list of SAs.
var names = map[string]struct{ proposal, list string }{
	"aes":     {"aes128", "AES_CBC-128"},
	"aes 256": {"aes256", "AES_CBC-256"},
	"3des":    {"3des", "3DES_CBC"},
	"sha":     {"sha1", "HMAC_SHA1_96/PRF_HMAC_SHA1"},
	"sha256":  {"sha256", "HMAC_SHA2_256_128/PRF_HMAC_SHA2_256"},

	"esp-aes esp-sha-hmac":        {"aes128-sha1", "AES_CBC-128/HMAC_SHA1_96"},
	"esp-aes 256 esp-sha-hmac":    {"aes256-sha1", "AES_CBC-256/HMAC_SHA1_96"},
	"esp-aes esp-sha256-hmac":     {"aes128-sha256", "AES_CBC-128/HMAC_SHA2_256_128"},
	"esp-aes 256 esp-sha256-hmac": {"aes256-sha256", "AES_CBC-256/HMAC_SHA2_256_128"},
	"esp-3des esp-sha-hmac":       {"3des-sha1", "3DES_CBC/HMAC_SHA1_96"},
	"esp-gcm":                     {"aes128gcm16", "AES_GCM_16-128"},
	"esp-gcm 256":                 {"aes256gcm16", "AES_GCM_16-256"},
}

var groups = map[int]struct{ proposal, list string }{
	2: {"modp1024", "MODP_1024"}, 14: {"modp2048", "MODP_2048"}, 19: {"ecp256", "ECP_256"},
}

func (x suite) charonIKE() string {
	return names[x.cipher].proposal + "-" + names[x.hash].proposal + "-" + groups[x.group].proposal
}

func (x suite) charonESP() string {
	if x.pfs == 0 {
		return names[x.esp].proposal
	}
	return names[x.esp].proposal + "-" + groups[x.pfs].proposal
}

// listed are what charon's list of SAs shows of the suite.
func (x suite) listed() []string {
	esp := "ESP:" + names[x.esp].list
	if x.pfs != 0 {
		esp += "/" + groups[x.pfs].list
	}
	return []string{names[x.cipher].list + "/" + names[x.hash].list + "/" + groups[x.group].list, esp + "\n"}
}
