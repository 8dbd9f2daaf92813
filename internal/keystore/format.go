package keystore

import (
	"crypto/aes"
	"crypto/cipher"
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
	key, err := rsaKey(x509.ParsePKCS8PrivateKey(der))
	if err != nil {
		return nil, err
	}
	p := &pair{Pair{Label: block.Headers["Label"], Public: &key.PublicKey, Exportable: block.Headers["Exportable"] == "yes"}, key}
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

func rsaKey(key any, err error) (*rsa.PrivateKey, error) {
	k, ok := key.(*rsa.PrivateKey)
	switch {
	case err != nil:
		return nil, errors.New("the key in it cannot be read")
	case !ok:
		return nil, errors.New("the key in it is no RSA key")
	case k.N.BitLen() < MinBits || k.N.BitLen() > MaxBits:
		return nil, errors.New("the key in it has too few bits, or too many")
	}
	return k, nil
}

// ExportPEM writes a key pair as IOS does: the public key, and the private one
// in the old encrypted form of PEM, which other routers read. That form guards
// little: the passphrase has to be good.
func (s *Store) ExportPEM(label string, passphrase secret.Secret, strong bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pairs[label]
	switch {
	case p == nil:
		return "", &Error{Text: "there is no key pair " + label}
	case !p.Exportable:
		return "", &Error{Text: "RSA keypair '" + label + "' is not exportable."}
	case len(passphrase.Reveal()) < 8:
		return "", &Error{Text: "Passphrase must be at least 8 characters long"}
	}
	public, err := x509.MarshalPKIXPublicKey(p.Public)
	if err != nil {
		return "", &Error{Text: "the key cannot be written"}
	}
	c := x509.PEMCipher3DES
	if strong {
		c = x509.PEMCipherAES256
	}
	//lint:ignore SA1019 IOS reads and writes no other form
	private, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(p.key), passphrase.Reveal(), c)
	if err != nil {
		return "", &Error{Text: "the key cannot be written"}
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})) + string(pem.EncodeToMemory(private)), nil
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
		return s.put(&pair{Pair{label, &key.PublicKey, now.UTC().Truncate(time.Second), exportable}, key})
	}
}

func importBlock(block *pem.Block, passphrase secret.Secret) (*rsa.PrivateKey, error) {
	der := block.Bytes
	//lint:ignore SA1019 IOS reads and writes no other form
	if x509.IsEncryptedPEMBlock(block) {
		var err error
		//lint:ignore SA1019 likewise
		if der, err = x509.DecryptPEMBlock(block, passphrase.Reveal()); err != nil {
			return nil, errors.New("the passphrase is another")
		}
	}
	if block.Type == "RSA PRIVATE KEY" {
		key, err := x509.ParsePKCS1PrivateKey(der)
		return rsaKey(key, err)
	}
	return rsaKey(x509.ParsePKCS8PrivateKey(der))
}

// Bundle is what a PKCS #12 file has: the certificate of its key, and those
// above.
type Bundle struct {
	Certificate *x509.Certificate
	Authorities []*x509.Certificate
}

// ImportPKCS12 takes the key of a PKCS #12 file (RFC 7292), and returns its
// certificates.
func (s *Store) ImportPKCS12(now time.Time, label string, data []byte, passphrase secret.Secret, exportable bool) (Bundle, error) {
	const longest = 1 << 20
	if err := goodLabel(label); err != nil {
		return Bundle{}, err
	}
	if len(data) > longest {
		return Bundle{}, &Error{Text: "the file is longer than any of its kind"}
	}
	private, certificate, authorities, err := pkcs12.DecodeChain(data, string(passphrase.Reveal()))
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return Bundle{}, &Error{Text: "the passphrase is another"}
	case err != nil:
		return Bundle{}, &Error{Text: "the file is no PKCS #12, or has something that is not supported"}
	}
	key, err := rsaKey(private, nil)
	if err != nil {
		return Bundle{}, &Error{Text: err.Error()}
	}
	if public, ok := certificate.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(&key.PublicKey) {
		return Bundle{}, &Error{Text: "the file's certificate is of another key"}
	}
	if _, err := s.put(&pair{Pair{label, &key.PublicKey, now.UTC().Truncate(time.Second), exportable}, key}); err != nil {
		return Bundle{}, err
	}
	return Bundle{certificate, authorities}, nil
}
