package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/scrypt"
	"software.sslmate.com/src/go-pkcs12"

	"qmidle/internal/secret"
)

// Types of a key file's block. The second has the PKCS #8 key in AES-256-GCM,
// under a key that scrypt makes of the passphrase.
const (
	typeClear     = "PRIVATE KEY"
	typeEncrypted = "QMIDLE ENCRYPTED PRIVATE KEY"
)

const (
	scryptN   = 1 << 15
	saltBytes = 16
)

// text is the key's file.
func (p *pair) text(passphrase secret.Secret) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return nil, &Error{Text: "the key cannot be written"}
	}
	block := &pem.Block{Type: typeClear, Bytes: der, Headers: map[string]string{"Label": p.Label, "Generated": p.Generated.Format(time.RFC3339)}}
	if p.Exportable {
		block.Headers["Exportable"] = "yes"
	}
	if !passphrase.IsZero() {
		salt := make([]byte, saltBytes)
		rand.Read(salt)
		aead, err := sealer(passphrase, salt)
		if err != nil {
			return nil, err
		}
		nonce := make([]byte, aead.NonceSize())
		rand.Read(nonce)
		block.Type, block.Headers["Salt"] = typeEncrypted, base64.StdEncoding.EncodeToString(salt)
		block.Bytes = aead.Seal(nonce, nonce, der, bound(block.Headers))
	}
	return pem.EncodeToMemory(block), nil
}

// bound is what of the headers an encrypted key is bound to: nobody makes a key
// exportable, or another's, by an editor.
func bound(h map[string]string) []byte {
	return []byte(strings.Join([]string{h["Label"], h["Generated"], h["Exportable"]}, "\n"))
}

func sealer(passphrase secret.Secret, salt []byte) (cipher.AEAD, error) {
	key, err := scrypt.Key(passphrase.Reveal(), salt, scryptN, 8, 1, 32)
	if err != nil {
		return nil, &Error{Text: "the passphrase cannot be used"}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, &Error{Text: "the passphrase cannot be used"}
	}
	return cipher.NewGCM(block)
}

// maxFile is far above a key's size.
const maxFile = 64 << 10

func parse(text []byte, passphrase secret.Secret) (*pair, error) {
	if len(text) > maxFile {
		return nil, errors.New("it is longer than any key")
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it has no key in it")
	}
	der := block.Bytes
	switch block.Type {
	case typeClear:
	case typeEncrypted:
		var err error
		if der, err = decrypt(block, passphrase); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("it has no key in it")
	}
	key, err := known(x509.ParsePKCS8PrivateKey(der))
	if err != nil {
		return nil, err
	}
	p := newPair(block.Headers["Label"], key, time.Time{}, block.Headers["Exportable"] == "yes")
	if p.Generated, err = time.Parse(time.RFC3339, block.Headers["Generated"]); err != nil || goodLabel(p.Label) != nil {
		return nil, errors.New("it does not say which key it is")
	}
	return p, nil
}

func decrypt(block *pem.Block, passphrase secret.Secret) ([]byte, error) {
	if passphrase.IsZero() {
		return nil, errors.New("it is encrypted, and there is no passphrase")
	}
	salt, err := base64.StdEncoding.DecodeString(block.Headers["Salt"])
	if err != nil {
		return nil, errors.New("it is malformed")
	}
	aead, err := sealer(passphrase, salt)
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(block.Bytes) < n {
		return nil, errors.New("it is malformed")
	}
	der, err := aead.Open(nil, block.Bytes[:n], block.Bytes[n:], bound(block.Headers))
	if err != nil {
		return nil, errors.New("the passphrase is another, or the file was changed")
	}
	return der, nil
}

// known takes the keys that are kept here.
func known(key any, err error) (privateKey, error) {
	if err != nil {
		return nil, errors.New("the key in it cannot be read")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < MinBits || k.N.BitLen() > MaxBits {
			return nil, errors.New("the key in it has too few bits, or too many")
		}
		return k, nil
	case *ecdsa.PrivateKey:
		if Curves[k.Curve.Params().BitSize] != k.Curve {
			return nil, errors.New("the key in it is on a curve that is not supported")
		}
		return k, nil
	}
	return nil, errors.New("the key in it is neither RSA nor ECDSA")
}

// ExportPEM writes a key pair as IOS does: the public key, and the private one
// in the old encrypted form of PEM, which other routers read. That form guards
// little: the passphrase has to be good.
func (s *Store) ExportPEM(label string, passphrase secret.Secret, strong bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pairs[label]
	if err := mayLeave(p, label, passphrase); err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(p.Public)
	if err != nil {
		return "", &Error{Text: "the key cannot be written"}
	}
	c := x509.PEMCipher3DES
	if strong {
		c = x509.PEMCipherAES256
	}
	block, err := traditional(p.key)
	if err != nil {
		return "", &Error{Text: "the key cannot be written"}
	}
	//lint:ignore SA1019 IOS reads and writes no other form
	private, err := x509.EncryptPEMBlock(rand.Reader, block.Type, block.Bytes, passphrase.Reveal(), c)
	if err != nil {
		return "", &Error{Text: "the key cannot be written"}
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})) + string(pem.EncodeToMemory(private)), nil
}

// traditional is a key in the form that is older than PKCS #8.
func traditional(key privateKey) (*pem.Block, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}, nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}, err
	}
	return nil, errors.New("not a key that is kept here")
}

// ImportPEM takes a private key in PEM, encrypted or not, and whatever stands
// before it.
func (s *Store) ImportPEM(now time.Time, label, text string, passphrase secret.Secret, exportable bool) (Pair, error) {
	if err := goodLabel(label); err != nil {
		return Pair{}, err
	}
	if len(text) > maxFile {
		return Pair{}, &Error{Text: "the text is longer than any key"}
	}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return Pair{}, &Error{Text: "there is no private key in the text"}
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		key, err := importBlock(block, passphrase)
		if err != nil {
			return Pair{}, &Error{Text: err.Error()}
		}
		return s.put(newPair(label, key, now, exportable))
	}
}

func importBlock(block *pem.Block, passphrase secret.Secret) (privateKey, error) {
	der := block.Bytes
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, errors.New("a key encrypted by PKCS #8 is not read: write it anew by `openssl rsa -aes256 -traditional` or `openssl ec -aes256`")
	}
	//lint:ignore SA1019 IOS reads and writes no other form
	if x509.IsEncryptedPEMBlock(block) {
		var err error
		//lint:ignore SA1019 likewise
		if der, err = x509.DecryptPEMBlock(block, passphrase.Reveal()); err != nil {
			return nil, errors.New("the passphrase is another")
		}
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(der)
		return known(key, err)
	case "EC PRIVATE KEY":
		key, err := x509.ParseECPrivateKey(der)
		return known(key, err)
	}
	return known(x509.ParsePKCS8PrivateKey(der))
}

// maxAuthorities is how many certificates of CAs a file may have.
const maxAuthorities = 64

// Bundle is what a PKCS #12 file has: a key with its certificate, and those
// above.
type Bundle struct {
	Certificate *x509.Certificate
	Authorities []*x509.Certificate

	key privateKey
}

// Kind is the key's.
func (b Bundle) Kind() Kind { return newPair("", b.key, time.Time{}, false).Kind() }

// ReadPKCS12 opens a PKCS #12 file (RFC 7292). It takes as long as whoever has
// made the file wants it to.
func ReadPKCS12(data []byte, passphrase secret.Secret) (Bundle, error) {
	const longest = 1 << 20
	if len(data) > longest {
		return Bundle{}, &Error{Text: "the file is longer than any of its kind"}
	}
	private, certificate, authorities, err := pkcs12.DecodeChain(data, string(passphrase.Reveal()))
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return Bundle{}, &Error{Text: "the passphrase is another"}
	case err != nil:
		return Bundle{}, &Error{Text: "the file is no PKCS #12, or has something that is not supported"}
	case len(authorities) > maxAuthorities:
		return Bundle{}, &Error{Text: "the file has more certificates than a chain has"}
	}
	key, err := known(private, nil)
	if err != nil {
		return Bundle{}, &Error{Text: err.Error()}
	}
	if !newPair("", key, time.Time{}, false).Public.Equal(certificate.PublicKey) {
		return Bundle{}, &Error{Text: "the file's certificate is of another key"}
	}
	return Bundle{certificate, authorities, key}, nil
}

// Import takes the key of a file.
func (s *Store) Import(now time.Time, label string, b Bundle, exportable bool) (Pair, error) {
	if err := goodLabel(label); err != nil {
		return Pair{}, err
	}
	return s.put(newPair(label, b.key, now, exportable))
}

// ExportPKCS12 makes a PKCS #12 file of a key pair with its certificate and those
// above. Old is 3DES and SHA-1, which old routers read; else it is AES-256 and
// SHA-256.
func (s *Store) ExportPKCS12(label string, certificate *x509.Certificate, authorities []*x509.Certificate, passphrase secret.Secret, old bool) ([]byte, error) {
	s.mu.Lock()
	p := s.pairs[label]
	s.mu.Unlock()
	if err := mayLeave(p, label, passphrase); err != nil {
		return nil, err
	}
	if !p.Public.Equal(certificate.PublicKey) {
		return nil, &Error{Text: "the certificate is of another key than " + label}
	}
	encoder := pkcs12.Modern
	if old {
		encoder = pkcs12.LegacyDES
	}
	data, err := encoder.Encode(p.key, certificate, authorities, string(passphrase.Reveal()))
	if err != nil {
		return nil, &Error{Text: "the file cannot be written with this passphrase"}
	}
	return data, nil
}

// mayLeave says whether a key pair may be exported under a passphrase.
func mayLeave(p *pair, label string, passphrase secret.Secret) error {
	switch {
	case p == nil:
		return &Error{Text: "there is no key pair " + label}
	case !p.Exportable:
		return &Error{Text: p.Kind().String() + " keypair '" + label + "' is not exportable."}
	case len(passphrase.Reveal()) < 8:
		return &Error{Text: "Passphrase must be at least 8 characters long"}
	}
	return nil
}
