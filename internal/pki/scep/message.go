package scep

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// MessageType is RFC 8894 section 3.2.1.2's.
type MessageType uint8

// Types of message.
const (
	CertRep    MessageType = 3
	RenewalReq MessageType = 17
	PKCSReq    MessageType = 19
	CertPoll   MessageType = 20
	GetCert    MessageType = 21
	GetCRL     MessageType = 22
)

// String is the type's name, as IOS's debug has it.
func (t MessageType) String() string {
	switch t {
	case CertRep:
		return "CertRep"
	case RenewalReq:
		return "RenewalReq"
	case PKCSReq:
		return "PKCSReq"
	case CertPoll:
		return "GetCertInitial"
	case GetCert:
		return "GetCert"
	case GetCRL:
		return "GetCRL"
	}
	return fmt.Sprintf("message type %d", uint8(t))
}

// Status is the pkiStatus of a reply.
type Status uint8

// Statuses.
const (
	Success Status = 0
	Failure Status = 2
	Pending Status = 3
)

// FailInfo is why a CA refuses. NoFailInfo is that it does not say.
type FailInfo uint8

// NoFailInfo is a refusal without a reason.
const NoFailInfo FailInfo = 255

// String is the reason with its number (RFC 8894 section 3.2.1.4).
func (f FailInfo) String() string {
	switch f {
	case 0:
		return "badAlg (0): the CA does not support the algorithms"
	case 1:
		return "badMessageCheck (1): the CA could not verify the message"
	case 2:
		return "badRequest (2): the CA does not allow the request; the challenge password may be wrong"
	case 3:
		return "badTime (3): the clocks differ too much"
	case 4:
		return "badCertId (4): the CA has no such certificate"
	case NoFailInfo:
		return "the CA gives no reason"
	}
	return fmt.Sprintf("reason %d", uint8(f))
}

func scepOID(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, n}
}

var (
	oidMessageType    = scepOID(2)
	oidStatus         = scepOID(3)
	oidFailInfo       = scepOID(4)
	oidSenderNonce    = scepOID(5)
	oidRecipientNonce = scepOID(6)
	oidTransaction    = scepOID(7)
	oidFailText       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 24, 1}
)

const nonceLength = 16

// Algorithms are what messages are protected by. The zero Hash is SHA-256.
type Algorithms struct {
	Hash   crypto.Hash
	Cipher Cipher
	// Legacy takes replies with weaker ones than these. Some CAs answer with
	// SHA-1 and DES whatever they are asked with.
	Legacy bool
}

func (a Algorithms) hash() crypto.Hash {
	if a.Hash == 0 {
		return crypto.SHA256
	}
	return a.Hash
}

// weak says whether replies may have SHA-1, MD5, 3DES and DES.
func (a Algorithms) weak() bool {
	return a.Legacy || a.hash() == crypto.SHA1 || a.hash() == crypto.MD5 || ciphers[a.Cipher].weak
}

// Key signs and decrypts; *rsa.PrivateKey is one.
type Key interface {
	crypto.Signer
	crypto.Decrypter
}

// Client is one end of a transaction.
type Client struct {
	CA         *CACertificates
	Algorithms Algorithms
	// Signer is what the messages are signed with: the certificate to be
	// renewed, or one of the client's own making (RFC 8894 section 2.3).
	Signer *x509.Certificate
	Key    Key
	Random io.Reader
}

// Transaction is what a reply is held against.
type Transaction struct {
	Type  MessageType
	ID    string
	Nonce []byte // of the message that was sent last
}

// TransactionID names a transaction: by the key that is to be certified, and
// where a certificate is renewed by that, so that a CA does not take the
// renewal for the enrolment repeated.
func TransactionID(key crypto.PublicKey, renewed *x509.Certificate) (string, error) {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", errors.New("a key of this kind cannot be enrolled")
	}
	h := sha256.New()
	h.Write(spki)
	if renewed != nil {
		h.Write(renewed.Raw)
	}
	return fmt.Sprintf("%X", h.Sum(nil)[:16]), nil
}

// Message makes a request with this content: a PKCS #10 request for PKCSReq and
// RenewalReq, else what IssuerAndSubject and IssuerAndSerial make. It sets the
// transaction's nonce.
func (c *Client) Message(t *Transaction, content []byte) ([]byte, error) {
	envelope, err := envelop(c.Random, content, c.CA.Recipient(), c.Algorithms.Cipher)
	if err != nil {
		return nil, err
	}
	t.Nonce = make([]byte, nonceLength)
	if _, err := io.ReadFull(c.Random, t.Nonce); err != nil {
		return nil, err
	}
	message, err := sign(c.Random, envelope, []attribute{
		{oidMessageType, printableString(fmt.Sprint(uint8(t.Type)))},
		{oidTransaction, printableString(t.ID)},
		{oidSenderNonce, der(func(b *cryptobyte.Builder) { b.AddASN1OctetString(t.Nonce) })},
	}, c.Signer, c.Key, c.Algorithms.hash())
	if err != nil {
		return nil, errors.New("the message cannot be signed with this key")
	}
	return message, nil
}

func printableString(s string) []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.PrintableString, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
	})
}

// IssuerAndSubject is the content of CertPoll (RFC 8894 section 3.3.3).
func IssuerAndSubject(issuer, subject []byte) []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(issuer)
			b.AddBytes(subject)
		})
	})
}

// IssuerAndSerial is the content of GetCRL (RFC 8894 section 3.3.4): of a
// certificate whose CA's list is wanted.
func IssuerAndSerial(c *x509.Certificate) []byte {
	return der(func(b *cryptobyte.Builder) { addIssuerAndSerial(b, c) })
}

// Check is what a reply has failed in.
type Check uint8

// Checks of a reply, in their order.
const (
	CheckForm Check = iota + 1
	CheckSignature
	CheckAlgorithm
	CheckType
	CheckTransaction
	CheckNonce
	CheckRecipient
	CheckContent
)

// ReplyError is a reply that is not to be relied upon.
type ReplyError struct {
	Check Check
	Text  string
}

// Error implements error.
func (e *ReplyError) Error() string { return "the reply is not relied upon: " + e.Text }

// Reply is a CA's answer, all of whose checks have passed.
type Reply struct {
	Status       Status
	Fail         FailInfo
	FailText     string // a CA's own words, printable
	Certificates []*x509.Certificate
	CRL          []byte
	// Attributes are the signed ones that IOS's debug shows, in DER.
	Attributes ReplyAttributes
}

// ReplyAttributes are attributes of a reply in DER.
type ReplyAttributes struct{ MessageType, Status, RecipientNonce, TransactionID []byte }

// Reply checks an answer to a transaction's last message: that the CA or its RA
// has signed it, for this transaction and nonce, and encrypted it for us (RFC
// 8894 section 3.3.2).
func (c *Client) Reply(t *Transaction, body []byte) (*Reply, error) {
	refuse := func(check Check, text string) (*Reply, error) { return nil, &ReplyError{check, text} }
	message, err := toDER(body)
	if err != nil {
		return refuse(CheckForm, "it is malformed")
	}
	s, err := parseSigned(message)
	if err != nil || s.signer == nil {
		return refuse(CheckForm, "it is malformed, or signed by nobody")
	}
	if s.signer.hash == 0 || s.signer.weak && !c.Algorithms.weak() {
		return refuse(CheckAlgorithm, "it is signed with "+hashName(s.signer.hash)+", which the trustpoint does not allow; `qmidle legacy` would")
	}
	if _, ok := s.verify(c.CA.signers()); !ok {
		return refuse(CheckSignature, "its signature is neither the CA's nor its RA's")
	}
	g := s.signer
	switch {
	case string(g.value(oidMessageType)) != "3":
		return refuse(CheckType, "it is no CertRep")
	case string(g.value(oidTransaction)) != t.ID:
		return refuse(CheckTransaction, "it is of another transaction")
	case !bytes.Equal(g.value(oidRecipientNonce), t.Nonce):
		return refuse(CheckNonce, "it answers another message: its nonce differs")
	}
	r := &Reply{Fail: NoFailInfo, Attributes: ReplyAttributes{printableString("3"), printableString(string(g.value(oidStatus))),
		der(func(b *cryptobyte.Builder) { b.AddASN1OctetString(t.Nonce) }), printableString(t.ID)}}
	switch string(g.value(oidStatus)) {
	case "3":
		r.Status = Pending
		return r, nil
	case "2":
		r.Status = Failure
		if v := g.value(oidFailInfo); len(v) == 1 && v[0] >= '0' && v[0] <= '4' {
			r.Fail = FailInfo(v[0] - '0')
		}
		r.FailText = printableText(g.value(oidFailText))
		return r, nil
	case "0":
		return r, c.open(r, s.content)
	}
	return refuse(CheckForm, "its status is none that there is")
}

func hashName(h crypto.Hash) string {
	if h == 0 {
		return "a hash that is not known"
	}
	return h.String()
}

// open decrypts a success's content: certificates, or a revocation list.
func (c *Client) open(r *Reply, content []byte) error {
	inner, err := openEnvelope(c.Random, content, c.Signer, c.Key, c.Algorithms.weak())
	switch {
	case errors.Is(err, errNotForUs):
		return &ReplyError{CheckRecipient, "it is encrypted for another recipient"}
	case errors.Is(err, errWeak):
		return &ReplyError{CheckAlgorithm, "it is encrypted with an algorithm that the trustpoint does not allow; `qmidle legacy` would"}
	case err != nil:
		return &ReplyError{CheckRecipient, "it does not decrypt"}
	}
	bag, err := toDER(inner)
	if err != nil {
		return &ReplyError{CheckContent, "what it encrypts is malformed"}
	}
	s, err := parseSigned(bag)
	if err != nil {
		return &ReplyError{CheckContent, "what it encrypts is malformed"}
	}
	if len(s.certs) == 0 && s.crl == nil {
		return &ReplyError{CheckContent, "it says success and brings nothing"}
	}
	r.Certificates, r.CRL = s.certs, s.crl
	return nil
}

const maxFailText = 200

func printableText(b []byte) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), maxFailText)]), ".")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, s)
}
