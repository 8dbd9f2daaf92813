package clientfile

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
)

// lines numbers the lines of a text from 1, without their ends. What stands before
// the first word is left out, and a byte order mark.
func lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		text = strings.TrimPrefix(text, "\ufeff")
		n := 0
		for line := range strings.SplitSeq(text, "\n") {
			n++
			if !yield(n, strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")) {
				return
			}
		}
	}
}

// at gives an error its line.
func at(line int, err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Line = line
	}
	return err
}

// choose sets one of some values by its name in any case.
func choose[T any](to *T, v string, all map[string]T) error {
	x, ok := all[strings.ToLower(strings.TrimSpace(v))]
	if !ok {
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		return oneOf(v, names...)
	}
	*to = x
	return nil
}

func oneOf(v string, names ...string) error {
	return &Error{Text: fmt.Sprintf("%q is not supported", printable(v)), Hint: "it can be " + strings.Join(names, ", ")}
}

// printable is the beginning of a word for an error.
func printable(v string) string {
	v = strings.ToValidUTF8(strings.TrimSpace(v), "?")
	if r := []rune(v); len(r) > 40 {
		v = string(r[:40]) + "..."
	}
	return v
}

// prefixOf is a network of an address and a mask in dotted decimal.
func prefixOf(addr, mask string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}, err
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() || !m.Is4() {
		return netip.Prefix{}, errors.New("no mask")
	}
	b := m.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := bits.LeadingZeros32(^v)
	if v<<n != 0 {
		return netip.Prefix{}, errors.New("a mask with holes")
	}
	return netip.PrefixFrom(a, n), nil
}
