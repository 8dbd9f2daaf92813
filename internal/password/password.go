package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/scrypt"

	"qmidle/internal/secret"
)

// Type is the number before a stored password.
type Type uint8

// Types of stored passwords that can be checked. The file may have others.
const (
	Clear      Type = 0
	MD5        Type = 5
	Reversible Type = 7
	PBKDF2     Type = 8
	Scrypt     Type = 9
)

// Stored is a password as a configuration has it: Text is the password with
// Clear, and what stands behind the type's number with the others.
type Stored struct {
	Type Type
	Text secret.Secret
}

// Parameters of IOS. The salt is used as it is written.
const (
	saltLength       = 14
	hashLength       = 32
	pbkdf2Iterations = 20000
	scryptN          = 16384
	scryptR          = 1
	scryptP          = 1
)

// alphabet is crypt(3)'s; types 8 and 9 use it in the order of bits of RFC 4648.
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var encoding = base64.NewEncoding(alphabet).WithPadding(base64.NoPadding)

// Hash makes a type 9 password of one in clear, with a salt drawn from rand.
func Hash(clear secret.Secret, rand io.Reader) (Stored, error) {
	draw := make([]byte, saltLength)
	if _, err := io.ReadFull(rand, draw); err != nil {
		return Stored{}, fmt.Errorf("no random salt: %w", err)
	}
	for i := range draw {
		draw[i] = alphabet[draw[i]%64]
	}
	salt := string(draw)
	sum, err := hashScrypt(clear.Reveal(), salt)
	if err != nil {
		return Stored{}, err
	}
	return Stored{Scrypt, secret.FromString("$9$" + salt + "$" + encoding.EncodeToString(sum))}, nil
}

// Errors of Check.
var (
	ErrUnknownType = errors.New("passwords of this type cannot be checked")
	ErrShape       = errors.New("this is not what a password of this type is stored as")
)

// Check says whether a password can be compared with this one: ErrUnknownType or
// ErrShape where none ever fits.
func (s Stored) Check() error {
	switch s.Type {
	case Clear:
		return nil
	case Reversible:
		_, err := decode7(string(s.Text.Reveal()))
		return err
	case MD5:
		_, sum, ok := s.split("$1$")
		if !ok || len(sum) != 22 {
			return ErrShape
		}
		return nil
	case PBKDF2, Scrypt:
		_, _, err := s.hashed()
		return err
	}
	return ErrUnknownType
}

// InClear returns the password itself, and false where only its hash is kept.
func (s Stored) InClear() (secret.Secret, bool) {
	switch s.Type {
	case Clear:
		return s.Text, true
	case Reversible:
		clear, err := decode7(string(s.Text.Reveal()))
		return secret.FromString(clear), err == nil
	}
	return secret.Secret{}, false
}

// Verify says whether the password is the one given. It takes as long for a
// wrong one as for a right one: about a hundredth of a second with types 8
// and 9.
func (s Stored) Verify(given secret.Secret) bool {
	if clear, ok := s.InClear(); ok {
		a, b := sha256.Sum256(clear.Reveal()), sha256.Sum256(given.Reveal())
		return subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	switch s.Type {
	case MD5:
		salt, sum, ok := s.split("$1$")
		return ok && subtle.ConstantTimeCompare([]byte(md5crypt(given.Reveal(), salt)), []byte(sum)) == 1
	case PBKDF2, Scrypt:
		salt, want, err := s.hashed()
		if err != nil {
			return false
		}
		got, err := s.Type.sum(given.Reveal(), salt)
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1
	}
	return false
}

func (t Type) sum(clear []byte, salt string) ([]byte, error) {
	if t == Scrypt {
		return hashScrypt(clear, salt)
	}
	return pbkdf2.Key(sha256.New, string(clear), []byte(salt), pbkdf2Iterations, hashLength)
}

func hashScrypt(clear []byte, salt string) ([]byte, error) {
	return scrypt.Key(clear, []byte(salt), scryptN, scryptR, scryptP, hashLength)
}

// hashed takes a type 8 or 9 password apart.
func (s Stored) hashed() (salt string, sum []byte, err error) {
	prefix := "$8$"
	if s.Type == Scrypt {
		prefix = "$9$"
	}
	salt, text, ok := s.split(prefix)
	if !ok || len(salt) != saltLength {
		return "", nil, ErrShape
	}
	if sum, err = encoding.DecodeString(text); err != nil || len(sum) != hashLength {
		return "", nil, ErrShape
	}
	return salt, sum, nil
}

func (s Stored) split(prefix string) (salt, sum string, ok bool) {
	rest, ok := strings.CutPrefix(string(s.Text.Reveal()), prefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "$")
}

// decoys are passwords that nobody has: a check against one takes the time of
// its type.
var decoys = map[Type]Stored{
	MD5:    {MD5, secret.FromString("$1$decoy000$......................")},
	PBKDF2: {PBKDF2, secret.FromString("$8$decoy000000000$" + strings.Repeat(".", 43))},
	Scrypt: {Scrypt, secret.FromString("$9$decoy000000000$" + strings.Repeat(".", 43))},
}

// Decoy spends the time that a check of a type takes.
func Decoy(t Type, given secret.Secret) { decoys[t].Verify(given) }

// Dearest is the type whose check takes the longest among those of a list.
func Dearest(all []Stored) Type {
	order := map[Type]int{MD5: 1, PBKDF2: 2, Scrypt: 3}
	dearest := Clear
	for _, s := range all {
		if order[s.Type] > order[dearest] {
			dearest = s.Type
		}
	}
	return dearest
}
