package capture

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// Keys are encryption keys of phase 1, by the initiator's cookie. They print
// nothing of themselves.
type Keys struct {
	byCookie map[isakmp.Cookie]secret.Secret
	loose    []secret.Secret // of which the cookie is not known
}

// Bounds of a file of keys, and of trials without a cookie.
const (
	maxKeys   = 16384
	maxLoose  = 64
	maxLine   = 64 << 10
	maxTrials = 1 << 20
)

// ReadKeys reads a file of keys, of either of two forms:
//
//   - Wireshark's ikev1_decryption_table: on each line the initiator's cookie and
//     the encryption key in hexadecimal digits, with a comma between them. It is
//     also what strongSwan's save-keys plugin writes.
//   - charon's log at level 4 of `ike`: the octets after "encryption key Ka", which
//     stand without their cookie, so that each is tried.
//
// Other lines of a table are refused, for a key that is mistyped should not be
// passed over in silence; those of a log are not. The error names the line.
func ReadKeys(r io.Reader) (*Keys, error) {
	k := &Keys{byCookie: make(map[isakmp.Cookie]secret.Secret)}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 4096), maxLine)
	var dump hexDump
	var wrong error
	log := false
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if dump.wanted > 0 {
			dump.take(line)
			if dump.wanted == len(dump.octets) {
				k.addLoose(dump.octets)
				dump = hexDump{}
			}
			continue
		}
		if found, octets := dumpBegins(line); found {
			log, dump = true, hexDump{wanted: octets}
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := k.tableLine(line); err != nil && wrong == nil {
			wrong = fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, errors.New("a line is too long for a table of keys")
		}
		return nil, err
	}
	if wrong != nil && !log {
		return nil, wrong
	}
	if len(k.byCookie)+len(k.loose) == 0 {
		return nil, errors.New("it has no key: each line is an initiator's cookie, a comma and an encryption key, in hexadecimal digits")
	}
	return k, nil
}

// tableLine reads "COOKIE,KEY", each perhaps in quotes.
func (k *Keys) tableLine(line string) error {
	cookie, key, ok := strings.Cut(line, ",")
	if !ok {
		return errors.New("it is not an initiator's cookie and a key with a comma between them")
	}
	c, err := digits(cookie)
	if err != nil || len(c) != len(isakmp.Cookie{}) {
		return errors.New("the initiator's cookie is 16 hexadecimal digits")
	}
	octets, err := digits(key)
	if err != nil || !keyLen(len(octets)) {
		return errors.New("the key is 16, 32, 48 or 64 hexadecimal digits")
	}
	if len(k.byCookie) < maxKeys {
		k.byCookie[isakmp.Cookie(c)] = secret.New(octets)
	}
	return nil
}

// digits reads hexadecimal digits, in quotes or not, with 0x or not, with colons
// or blanks between them or not.
func digits(s string) ([]byte, error) {
	s = strings.Trim(strings.TrimSpace(s), `"`)
	s = strings.TrimPrefix(s, "0x")
	return hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(s))
}

// keyLen says whether a key can have n octets: of DES, AES and 3DES.
func keyLen(n int) bool { return n == 8 || n == 16 || n == 24 || n == 32 }

func (k *Keys) addLoose(octets []byte) {
	if keyLen(len(octets)) && len(k.loose) < maxLoose {
		k.loose = append(k.loose, secret.New(octets))
	}
}

// hexDump is octets of charon's log that follow the line which names them.
type hexDump struct {
	wanted int
	octets []byte
}

// dumpBegins says whether a line announces an encryption key of phase 1, and how
// many octets.
func dumpBegins(line string) (bool, int) {
	_, rest, ok := strings.Cut(line, "encryption key Ka")
	if !ok {
		return false, 0
	}
	var n int
	if _, err := fmt.Sscanf(strings.TrimSpace(rest), "=> %d bytes", &n); err != nil || !keyLen(n) {
		return false, 0
	}
	return true, n
}

// take reads the octets of a line: "  16: 3A 05 ...  text". A line that is none
// ends the dump.
func (d *hexDump) take(line string) {
	_, rest, ok := strings.Cut(line, ": ")
	if !ok {
		*d = hexDump{}
		return
	}
	for _, word := range strings.Fields(rest) {
		b, err := hex.DecodeString(word)
		if err != nil || len(b) != 1 || len(d.octets) == d.wanted {
			return
		}
		d.octets = append(d.octets, b[0])
	}
}
