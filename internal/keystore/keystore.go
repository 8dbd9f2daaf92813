// Package keystore keeps a gateway's key pairs, RSA and ECDSA: in a directory that its
// owner alone can read, a file a key, under a passphrase where there is one.
//
// It must not know what a key is for. Keys leave it by Export only, and only
// where they were made exportable. No error has anything of a key in it.
package keystore

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"qmidle/internal/secret"
)

// Sizes of a key, in bits.
const (
	MinBits = 1024
	MaxBits = 4096
)

// Curves are those of an EC key, by its size in bits.
var Curves = map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}

// Pair is a key pair without its private half.
type Pair struct {
	Label      string
	Public     PublicKey
	Generated  time.Time
	Exportable bool
}

// PublicKey is an *rsa.PublicKey or an *ecdsa.PublicKey.
type PublicKey interface{ Equal(crypto.PublicKey) bool }

// Kind is RSA or EC.
func (p Pair) Kind() Kind {
	if _, ok := p.Public.(*ecdsa.PublicKey); ok {
		return EC
	}
	return RSA
}

// Bits is the key's size.
func (p Pair) Bits() int {
	switch k := p.Public.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen()
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize
	}
	return 0
}

// Kind is a kind of key.
type Kind uint8

// Kinds of key.
const (
	RSA Kind = iota
	EC
)

// String is the kind's name.
func (k Kind) String() string { return [...]string{RSA: "RSA", EC: "EC"}[k] }

// privateKey is an *rsa.PrivateKey or an *ecdsa.PrivateKey.
type privateKey = crypto.Signer

func newPair(label string, key privateKey, now time.Time, exportable bool) *pair {
	public, _ := key.Public().(PublicKey)
	return &pair{Pair{label, public, now.UTC().Truncate(time.Second), exportable}, key}
}

// Store is the key pairs. Its methods may run at the same time.
type Store struct {
	dir        string
	passphrase secret.Secret
	mu         sync.Mutex
	pairs      map[string]*pair
}

type pair struct {
	Pair
	key privateKey
}

// Error is an operator's.
type Error struct{ Text, Hint string }

// Error implements error.
func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Text + "\n  hint: " + e.Hint
	}
	return e.Text
}

// InMemory keeps keys until the program ends.
func InMemory() *Store { return &Store{pairs: map[string]*pair{}} }

// suffix is that of a key's file.
const suffix = ".key"

// Open reads the keys of a directory, which the first key makes if need be. What
// others can read is refused: it may have been read. An empty passphrase is
// none.
func Open(dir string, passphrase secret.Secret) (*Store, error) {
	s := &Store{dir: dir, passphrase: passphrase, pairs: map[string]*pair{}}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err := private(dir, 0o077); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &Error{Text: "the directory of keys " + dir + " cannot be read: " + plainly(err)}
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		p, err := s.load(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		s.pairs[p.Label] = p
	}
	return s, nil
}

func (s *Store) load(file string) (*pair, error) {
	if err := private(file, 0o077); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &Error{Text: "the key file " + file + " cannot be read: " + plainly(err)}
	}
	p, err := parse(text, s.passphrase)
	if err != nil {
		return nil, &Error{Text: "the key file " + file + ": " + err.Error()}
	}
	return p, nil
}

// private refuses what others may read.
func private(path string, others fs.FileMode) error {
	info, err := os.Lstat(path)
	if err != nil {
		return &Error{Text: path + ": " + plainly(err)}
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return &Error{path + " is a symbolic link", "put the keys where the link leads to"}
	}
	if info.Mode().Perm()&others != 0 {
		return &Error{path + " can be read by others than its owner", "take it for known, or `chmod go= " + path + "`"}
	}
	return nil
}

// plainly is an error of the operating system without the path, which the
// caller has.
func plainly(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// List are the key pairs by label.
func (s *Store) List() []Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Pair
	for _, p := range s.pairs {
		all = append(all, p.Pair)
	}
	slices.SortFunc(all, func(a, b Pair) int { return cmp.Compare(a.Label, b.Label) })
	return all
}

// Key returns what signs by a label, and decrypts where it is an RSA key.
func (s *Store) Key(label string) (crypto.Signer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pairs[label]
	if p == nil {
		return nil, false
	}
	return p.key, true
}

// Generate makes a key pair, which takes up to some seconds, and stores it in
// the place of one with this label.
func (s *Store) Generate(now time.Time, label string, bits int, exportable bool) (Pair, error) {
	if err := goodLabel(label); err != nil {
		return Pair{}, err
	}
	if bits < MinBits || bits > MaxBits {
		return Pair{}, &Error{Text: fmt.Sprintf("a key has %d to %d bits", MinBits, MaxBits)}
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return Pair{}, &Error{Text: "the key cannot be made"}
	}
	return s.put(newPair(label, key, now, exportable))
}

// GenerateEC is Generate of a key on a curve of 256, 384 or 521 bits.
func (s *Store) GenerateEC(now time.Time, label string, bits int, exportable bool) (Pair, error) {
	if err := goodLabel(label); err != nil {
		return Pair{}, err
	}
	curve := Curves[bits]
	if curve == nil {
		return Pair{}, &Error{Text: "an EC key has 256, 384 or 521 bits"}
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return Pair{}, &Error{Text: "the key cannot be made"}
	}
	return s.put(newPair(label, key, now, exportable))
}

func goodLabel(label string) error {
	const longest = 64
	if label == "" || len(label) > longest || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return &Error{Text: fmt.Sprintf("a key's label has 1 to %d printable characters", longest)}
	}
	return nil
}

func (s *Store) put(p *pair) (Pair, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != "" {
		text, err := p.text(s.passphrase)
		if err != nil {
			return Pair{}, err
		}
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return Pair{}, &Error{Text: "the directory of keys " + s.dir + " cannot be made: " + plainly(err)}
		}
		if err := replace(s.file(p.Label), text); err != nil {
			return Pair{}, &Error{Text: "the key cannot be stored in " + s.dir + ": " + plainly(err)}
		}
	}
	s.pairs[p.Label] = p
	return p.Pair, nil
}

func (s *Store) file(label string) string {
	return filepath.Join(s.dir, strings.ReplaceAll(url.PathEscape(label), ".", "%2E")+suffix)
}

// replace writes a file in one step.
func replace(file string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails where it was renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// Promote puts a key pair in the place of another's label.
func (s *Store) Promote(from, to string) error {
	s.mu.Lock()
	p := s.pairs[from]
	s.mu.Unlock()
	if p == nil {
		return &Error{Text: "there is no key pair " + from}
	}
	moved := *p
	moved.Label = to
	if _, err := s.put(&moved); err != nil {
		return err
	}
	return s.Zeroize(from)
}

// Zeroize destroys a key pair: its file is overwritten before it goes, for what
// that is worth on the medium.
func (s *Store) Zeroize(label string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pairs[label]
	if p == nil {
		return &Error{Text: "there is no key pair " + label}
	}
	delete(s.pairs, label)
	if s.dir == "" {
		return nil
	}
	file := s.file(label)
	if err := overwrite(file); err != nil {
		return &Error{Text: "the key file " + file + " cannot be overwritten: " + plainly(err)}
	}
	if err := os.Remove(file); err != nil {
		return &Error{Text: "the key file " + file + " cannot be removed: " + plainly(err)}
	}
	return nil
}

func overwrite(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, info.Size()))
	return errors.Join(err, f.Sync(), f.Close())
}
