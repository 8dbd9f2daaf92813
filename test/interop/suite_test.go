//go:build interop

package interop

import "strings"

const presharedKey = "an-example-key"

// suite is the algorithms that both ends are configured with.
type suite struct {
	cipher, hash, group     value
	espCipher, espAuth, pfs value
	release                 value // of IOS
}

// setup is what both ends are configured with: a suite, and what comes on top of
// the usual configuration.
type setup struct {
	suite
	transport  bool   // between the gateways themselves
	key        string // our global one, if it is not charon's
	ios        string // commands of ours
	daemon     string // charon's strongswan.conf
	connection string // charon's swanctl.conf
	child      string // likewise
}

// usual is the setup of the tests that are about something else.
var usual = setup{suite: suite{ciphers[0], hashes[0], groups[0], espCiphers[0], espAuths[0], pfsGroups[0], releases[0]}}

// gcm is the same with an ESP that is fast.
var gcm = setup{suite: suite{ciphers[0], hashes[0], groups[0], value{
	"esp-gcm", "esp-gcm", "aes128gcm16", "AES_GCM_16-128", nil}, value{}, pfsGroups[0], releases[0]}}

// suiteOf is a row of the matrix.
func suiteOf(row []int) suite {
	v := make([]value, len(factors))
	for f := range factors {
		v[f] = factors[f].values[row[f]]
	}
	return suite{cipher: v[0], hash: v[1], group: v[2], espCipher: v[3], espAuth: v[4], pfs: v[5], release: v[6]}
}

// esp is the transforms of the transform set.
func (x suite) esp() string { return strings.TrimSpace(x.espCipher.ios + " " + x.espAuth.ios) }

func (x suite) String() string {
	pfs := "none"
	if x.pfs.ios != "" {
		pfs = x.pfs.ios
	}
	text := strings.Join([]string{x.cipher.ios, x.hash.ios, "group" + x.group.ios, x.esp(), "pfs " + pfs, x.release.ios}, ",")
	return strings.ReplaceAll(text, " ", "-")
}

func (x suite) charonIKE() string { return proposal(x.cipher, x.hash, x.group) }
func (x suite) charonESP() string { return proposal(x.espCipher, x.espAuth, x.pfs) }

func proposal(values ...value) string {
	var words []string
	for _, v := range values {
		if v.proposal != "" {
			words = append(words, v.proposal)
		}
	}
	return strings.Join(words, "-")
}

// listed are what charon's list of SAs shows of the suite.
func (x suite) listed() []string {
	esp := "ESP:" + x.espCipher.listed
	for _, v := range []value{x.espAuth, x.pfs} {
		if v.listed != "" {
			esp += "/" + v.listed
		}
	}
	return []string{x.cipher.listed + "/" + x.hash.listed + "/" + x.group.listed, esp + "\n"}
}
