// Package secret keeps keys and passwords in a type that never prints.
//
// It must not know what the secret is for; it has no I/O and no policy.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Secret holds bytes that no formatting verb, JSON encoder or logger shows.
// The zero value is empty.
//
// The bytes stand behind a closure: fmt reaches into unexported fields of an
// enclosing struct without calling their methods, and shows a func's address.
type Secret struct{ reveal func() []byte }

// New copies b into a Secret.
func New(b []byte) Secret { return FromString(string(b)) }

// FromString makes a Secret of s's bytes.
func FromString(s string) Secret {
	b := []byte(s)
	return Secret{func() []byte { return b }}
}

// Reveal returns the bytes themselves, for a cryptographic function only.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Clear overwrites the bytes, for all copies of s: whoever has one has zeros.
func (s Secret) Clear() { clear(s.Reveal()) }

// IsZero says whether there is no secret.
func (s Secret) IsZero() bool { return len(s.Reveal()) == 0 }

// Equal compares in time that depends on the lengths only.
func (s Secret) Equal(o Secret) bool { return subtle.ConstantTimeCompare(s.Reveal(), o.Reveal()) == 1 }

const shown = "<secret>"

// String implements fmt.Stringer and shows nothing of the secret.
func (s Secret) String() string { return shown }

// GoString implements fmt.GoStringer for %#v.
func (s Secret) GoString() string { return shown }

// Format implements fmt.Formatter, so that %d and %x show nothing either.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, shown) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(shown), nil }
