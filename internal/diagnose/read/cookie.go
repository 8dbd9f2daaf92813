package read

import "strings"

// cookieDigits is the length of a cookie in hexadecimal digits.
const cookieDigits = 16

// cookie finds the initiator's cookie in a line: the first of two cookies that
// stand together, as in "id=0123456789abcdef/fedcba9876543210". Every make of logs
// that prints them has the initiator's first. "" where there is none.
func cookie(line []byte) string {
	// Of any 16 digits one is at a place that 16 divides: most lines have none there.
	for i := cookieDigits - 1; i < len(line); i += cookieDigits {
		if !hexDigit(line[i]) {
			continue
		}
		from, to := i, i+1
		for from > 0 && hexDigit(line[from-1]) {
			from--
		}
		for to < len(line) && hexDigit(line[to]) {
			to++
		}
		if to-from != cookieDigits || to == len(line) {
			continue
		}
		if c := string(line[from:to]); secondCookie(line[to:]) && strings.Trim(c, "0") != "" {
			return strings.ToLower(c)
		}
	}
	return ""
}

// secondCookie says whether a text begins with a sign and a cookie.
func secondCookie(text []byte) bool {
	for i := range len("_i* ") + 1 {
		if i >= len(text) {
			return false
		}
		if hexDigit(text[i]) {
			text = text[i:]
			n := 0
			for n < len(text) && hexDigit(text[n]) {
				n++
			}
			return i > 0 && n == cookieDigits
		}
	}
	return false
}

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
