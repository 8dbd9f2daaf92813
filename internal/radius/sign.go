package radius

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"io"

	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// maxPassword is what User-Password can carry (RFC 2865 section 5.2).
const maxPassword = 128

// Credentials are a user's password on its way to a server. CHAP sends a hash
// of it, which the server can check only where it has the password in clear.
type Credentials struct {
	Password secret.Secret
	CHAP     bool
}

// Request writes an Access-Request with its authenticator drawn from rand, and
// the octets that a reply is checked against. A Message-Authenticator stands
// first, as nothing before it may be chosen by who can only choose what follows.
// The error says that the packet or the password is too long, or rand fails.
func (p *Packet) Request(key secret.Secret, c Credentials, rand io.Reader) ([]byte, error) {
	if _, err := io.ReadFull(rand, p.Authenticator[:]); err != nil {
		return nil, err
	}
	out := *p
	out.Attributes = append([]Attribute{{MessageAuthenticator, make([]byte, md5.Size)}}, p.Attributes...)
	clear := c.Password.Reveal()
	if len(clear) > maxPassword {
		return nil, Error(trace.RADIUSBadLength)
	}
	if c.CHAP {
		out.Add(CHAPPassword, chap(p.Identifier, clear, p.Authenticator[:]))
		out.Add(CHAPChallenge, p.Authenticator[:])
	} else {
		out.Add(UserPassword, hide(clear, key, p.Authenticator[:]))
	}
	b, ok := out.encode()
	if !ok {
		return nil, Error(trace.RADIUSBadLength)
	}
	copy(b[headerLength+2:], messageAuthenticator(b, key))
	return b, nil
}

// Accounting writes an Accounting-Request, whose authenticator is a hash over it
// (RFC 2866 section 3).
func (p *Packet) Accounting(key secret.Secret) ([]byte, error) {
	p.Authenticator = [authenticatorLength]byte{}
	b, ok := p.encode()
	if !ok {
		return nil, Error(trace.RADIUSBadLength)
	}
	p.Authenticator = md5.Sum(join(b, key.Reveal()))
	copy(b[4:], p.Authenticator[:])
	return b, nil
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// hide is the User-Password of a password (RFC 2865 section 5.2).
func hide(clear []byte, key secret.Secret, authenticator []byte) []byte {
	out := make([]byte, max(md5.Size, (len(clear)+md5.Size-1)/md5.Size*md5.Size))
	copy(out, clear)
	before := authenticator
	for i := 0; i < len(out); i += md5.Size {
		mask := md5.Sum(join(key.Reveal(), before))
		before = out[i : i+md5.Size]
		subtle.XORBytes(before, before, mask[:])
	}
	return out
}

// chap is a CHAP-Password: the identifier and a hash (RFC 2865 section 5.3, RFC
// 1994 section 4.1).
func chap(identifier uint8, clear, challenge []byte) []byte {
	sum := md5.Sum(join([]byte{identifier}, clear, challenge))
	return append([]byte{identifier}, sum[:]...)
}

// messageAuthenticator is that of a packet whose own is zero (RFC 3579 section
// 3.2).
func messageAuthenticator(b []byte, key secret.Secret) []byte {
	h := hmac.New(md5.New, key.Reveal())
	h.Write(b)
	return h.Sum(nil)
}

// Reply reads a server's answer to a request, and checks that it comes from who
// has the key and answers that very request. Unsigned takes one without a
// Message-Authenticator; a wrong one is never taken. The error is an Error.
func Reply(b []byte, request *Packet, key secret.Secret, unsigned bool) (*Packet, error) {
	p, err := Parse(b)
	if err != nil {
		return nil, err
	}
	b = b[:int(b[2])<<8|int(b[3])]
	if p.Identifier != request.Identifier {
		return nil, Error(trace.RADIUSNoRequest)
	}
	if !answers(p.Code, request.Code) {
		return nil, Error(trace.RADIUSBadCode)
	}
	if !replyFits(b, request, key) {
		return nil, Error(trace.RADIUSBadAuthenticator)
	}
	if request.Code == AccountingRequest {
		return p, nil // its whole answer is that it came
	}
	if problem := signed(b, p, request, key, unsigned); problem != trace.RADIUSNoProblem {
		return nil, Error(problem)
	}
	return p, nil
}

func answers(reply, request Code) bool {
	if request == AccountingRequest {
		return reply == AccountingResponse
	}
	return reply == AccessAccept || reply == AccessReject || reply == AccessChallenge
}

// replyFits checks the Response Authenticator (RFC 2865 section 3).
func replyFits(b []byte, request *Packet, key secret.Secret) bool {
	sum := md5.Sum(join(b[:4], request.Authenticator[:], b[headerLength:], key.Reveal()))
	return subtle.ConstantTimeCompare(sum[:], b[4:headerLength]) == 1
}

// signed checks the Message-Authenticator.
func signed(b []byte, p, request *Packet, key secret.Secret, unsigned bool) trace.RADIUSProblem {
	at, count := headerLength, 0
	where := 0
	for _, a := range p.Attributes {
		if a.Type == MessageAuthenticator {
			count++
			if len(a.Value) != md5.Size {
				return trace.RADIUSBadMessageAuthenticator
			}
			where = at + 2
		}
		at += 2 + len(a.Value)
	}
	switch {
	case count == 0 && unsigned:
		return trace.RADIUSNoProblem
	case count == 0:
		return trace.RADIUSUnsigned
	case count > 1:
		return trace.RADIUSBadMessageAuthenticator
	}
	over := bytes.Clone(b)
	copy(over[4:], request.Authenticator[:])
	clear(over[where : where+md5.Size])
	if !hmac.Equal(messageAuthenticator(over, key), b[where:where+md5.Size]) {
		return trace.RADIUSBadMessageAuthenticator
	}
	return trace.RADIUSNoProblem
}

// Answer writes a server's reply to a request, for tests and for the lab. Signed
// puts a Message-Authenticator first.
func (p *Packet) Answer(request *Packet, key secret.Secret, signed bool) []byte {
	out := *p
	out.Identifier, out.Authenticator = request.Identifier, request.Authenticator
	if signed {
		out.Attributes = append([]Attribute{{MessageAuthenticator, make([]byte, md5.Size)}}, p.Attributes...)
	}
	b, ok := out.encode()
	if !ok {
		return nil
	}
	if signed {
		copy(b[headerLength+2:], messageAuthenticator(b, key))
	}
	sum := md5.Sum(join(b, key.Reveal()))
	copy(b[4:], sum[:])
	return b
}

// Given is the password of an Access-Request, for tests and for the lab: what
// User-Password hides, else whether a CHAP-Password is that of a password.
func (p *Packet) Given(key secret.Secret, password string) bool {
	if v, ok := p.First(UserPassword); ok {
		want := hide([]byte(password), key, p.Authenticator[:])
		return subtle.ConstantTimeCompare(v, want) == 1
	}
	v, _ := p.First(CHAPPassword)
	challenge, ok := p.First(CHAPChallenge)
	if !ok {
		challenge = p.Authenticator[:]
	}
	return len(v) == 1+md5.Size && subtle.ConstantTimeCompare(v, chap(v[0], []byte(password), challenge)) == 1
}
