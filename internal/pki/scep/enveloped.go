package scep

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Cipher is what a message is encrypted with.
type Cipher uint8

// Ciphers. All but AES need a word in the configuration.
const (
	AES128CBC Cipher = iota
	AES256CBC
	TripleDESCBC
	DESCBC
)

type cipherAlgorithm struct {
	oid  asn1.ObjectIdentifier
	key  int // octets
	weak bool
	make func([]byte) (cipher.Block, error)
}

var ciphers = []cipherAlgorithm{
	AES128CBC:    {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, false, aes.NewCipher},
	AES256CBC:    {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, false, aes.NewCipher},
	TripleDESCBC: {asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, true, des.NewTripleDESCipher},
	DESCBC:       {asn1.ObjectIdentifier{1, 3, 14, 3, 2, 7}, 8, true, des.NewCipher},
}

// envelop encrypts content for a recipient with an RSA key (RFC 5652 section
// 6.1).
func envelop(random io.Reader, content []byte, recipient *x509.Certificate, c Cipher) ([]byte, error) {
	public, ok := recipient.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the CA's certificate has no RSA key, by which alone SCEP encrypts")
	}
	algorithm := ciphers[c]
	key := make([]byte, algorithm.key)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, err
	}
	block, err := algorithm.make(key)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, block.BlockSize())
	if _, err := io.ReadFull(random, iv); err != nil {
		return nil, err
	}
	pad := block.BlockSize() - len(content)%block.BlockSize()
	text := slices.Concat(content, bytes.Repeat([]byte{byte(pad)}, pad))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	// Key transport of SCEP is PKCS #1 v1.5 (RFC 8894 section 3.1); whoever
	// answers has to sign, so that it is no oracle here.
	wrapped, err := rsa.EncryptPKCS1v15(random, public, key)
	if err != nil {
		return nil, errors.New("the CA's key is too short")
	}
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidEnvelopedData)
			b.AddASN1(context(0), func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(0)
					b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
						b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1Int64(0)
							addIssuerAndSerial(b, recipient)
							addAlgorithm(b, oidRSA, nil)
							b.AddASN1OctetString(wrapped)
						})
					})
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidData)
						addAlgorithm(b, algorithm.oid, der(func(b *cryptobyte.Builder) { b.AddASN1OctetString(iv) }))
						b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(text) })
					})
				})
			})
		})
	}), nil
}

// Errors of an envelope.
var (
	errNotForUs = errors.New("the message is encrypted for another recipient")
	errDecrypt  = errors.New("the message does not decrypt")
	errWeak     = errors.New("the message is encrypted with an algorithm that the trustpoint does not allow")
)

// openEnvelope decrypts what was encrypted for a certificate.
func openEnvelope(random io.Reader, message []byte, recipient *x509.Certificate, key crypto.Decrypter, weak bool) ([]byte, error) {
	in, ok := contentInfo(message, oidEnvelopedData)
	var body, recipients, content cryptobyte.String
	if !ok || !in.ReadASN1(&body, casn1.SEQUENCE) || !body.SkipASN1(casn1.INTEGER) || !body.SkipOptionalASN1(context(0)) ||
		!body.ReadASN1(&recipients, casn1.SET) || !body.ReadASN1(&content, casn1.SEQUENCE) {
		return nil, errMalformed
	}
	wrapped, err := wrappedKey(recipients, recipient)
	if err != nil {
		return nil, err
	}
	c, iv, text, err := encryptedContent(content)
	if err != nil {
		return nil, err
	}
	algorithm := ciphers[c]
	if algorithm.weak && !weak {
		return nil, errWeak
	}
	// With a length, a fault of the padding yields a random key: the content
	// does not decrypt, in the same time.
	session, err := key.Decrypt(random, wrapped, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: algorithm.key})
	if err != nil {
		return nil, errDecrypt
	}
	block, err := algorithm.make(session)
	if err != nil || len(iv) != block.BlockSize() || len(text) == 0 || len(text)%block.BlockSize() != 0 {
		return nil, errDecrypt
	}
	plain := bytes.Clone(text)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, plain)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > block.BlockSize() || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errDecrypt
	}
	return plain[:len(plain)-pad], nil
}

func wrappedKey(recipients cryptobyte.String, recipient *x509.Certificate) ([]byte, error) {
	for !recipients.Empty() {
		var info, id, issuer, key cryptobyte.String
		serial := new(big.Int)
		if !recipients.ReadASN1(&info, casn1.SEQUENCE) || !info.SkipASN1(casn1.INTEGER) || !info.ReadASN1(&id, casn1.SEQUENCE) ||
			!id.ReadASN1Element(&issuer, casn1.SEQUENCE) || !id.ReadASN1Integer(serial) || !info.SkipASN1(casn1.SEQUENCE) ||
			!info.ReadASN1(&key, casn1.OCTET_STRING) {
			return nil, errMalformed
		}
		if bytes.Equal(issuer, recipient.RawIssuer) && serial.Cmp(recipient.SerialNumber) == 0 {
			return key, nil
		}
	}
	return nil, errNotForUs
}

func encryptedContent(in cryptobyte.String) (c Cipher, iv, text []byte, err error) {
	var algorithm, vector, body cryptobyte.String
	var oid asn1.ObjectIdentifier
	var tag casn1.Tag
	if !in.SkipASN1(casn1.OBJECT_IDENTIFIER) || !in.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!algorithm.ReadASN1(&vector, casn1.OCTET_STRING) || !in.ReadAnyASN1(&body, &tag) {
		return 0, nil, nil, errMalformed
	}
	i := slices.IndexFunc(ciphers, func(x cipherAlgorithm) bool { return x.oid.Equal(oid) })
	if i < 0 {
		return 0, nil, nil, errWeak
	}
	switch tag {
	case casn1.Tag(0).ContextSpecific():
		text = body
	case context(0): // in parts
		for !body.Empty() {
			var part cryptobyte.String
			if !body.ReadASN1(&part, casn1.OCTET_STRING) {
				return 0, nil, nil, errMalformed
			}
			text = append(text, part...)
		}
	default:
		return 0, nil, nil, errMalformed
	}
	return Cipher(i), vector, text, nil
}
