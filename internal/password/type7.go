package password

import (
	"encoding/hex"
	"strconv"
)

// key7 is what IOS hides its type 7 passwords with. Anybody can undo it.
const key7 = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"

// decode7 reads a type 7 password: two decimal digits, where in key7 to begin,
// and the password's octets in hexadecimal.
func decode7(text string) (string, error) {
	if len(text) < 4 || len(text)%2 != 0 {
		return "", ErrShape
	}
	from, err := strconv.ParseUint(text[:2], 10, 8)
	if err != nil || from >= uint64(len(key7)) {
		return "", ErrShape
	}
	octets, err := hex.DecodeString(text[2:])
	if err != nil {
		return "", ErrShape
	}
	for i := range octets {
		octets[i] ^= key7[(int(from)+i)%len(key7)]
	}
	return string(octets), nil
}
