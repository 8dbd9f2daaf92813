package ike

import (
	"crypto/md5"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// userRequest is what a server's XAUTH asks for (draft-beaulieu-ike-xauth-02
// sections 5, 6.2 and 6.3, and its appendix A).
type userRequest struct {
	kind      uint16 // XAUTH-TYPE
	wanted    []isakmp.AttributeType
	prompts   []Prompt
	message   string // for the operator, its control characters replaced
	challenge []byte
}

// maxChallenge bounds a challenge, which has sixteen octets with RADIUS-CHAP, and is
// a line of text with one-time passwords.
const maxChallenge = 255

// readUserRequest reads a request. It is false for what asks for nothing, or for
// something twice.
func readUserRequest(list []isakmp.Attribute) (r userRequest, ok bool) {
	seen := make(map[isakmp.AttributeType]bool, len(list))
	for _, a := range list {
		if seen[a.Type] || !isXAUTH(a.Type) {
			return r, false
		}
		seen[a.Type] = true
		r.wanted = append(r.wanted, a.Type)
		switch a.Type {
		case isakmp.XAUTHType:
			v, ok := a.Uint()
			if !ok || v > 0xffff {
				return r, false
			}
			r.kind = uint16(v)
		case isakmp.XAUTHMessage:
			r.message = printable(a.Value)
		case isakmp.XAUTHChallenge:
			if len(a.Value) > maxChallenge {
				return r, false
			}
			r.challenge = append([]byte(nil), a.Value...)
		default:
			r.ask(a.Type)
		}
	}
	if r.oneTime() {
		r.message = strings.TrimSpace(r.message + " " + printable(r.challenge))
	}
	return r, len(r.prompts) > 0 || seen[isakmp.XAUTHUserName]
}

// ask adds what an operator is to say. A one-time password is not the one that he
// may have stored: it answers the challenge that he is shown.
func (r *userRequest) ask(t isakmp.AttributeType) {
	for p, of := range promptTypes {
		if of == t {
			r.prompts = append(r.prompts, Prompt(p))
		}
	}
	if r.oneTime() && t == isakmp.XAUTHUserPassword {
		r.prompts[len(r.prompts)-1] = PromptAnswer
	}
}

func (r *userRequest) oneTime() bool { return r.kind == isakmp.XAUTHOTP || r.kind == isakmp.XAUTHSKey }

// known says whether there is an answer to a request of its kind. A challenge needs
// one that has a use for it.
func (r *userRequest) known() bool {
	switch r.kind {
	case isakmp.XAUTHGeneric:
		return len(r.challenge) == 0
	case isakmp.XAUTHRadiusCHAP:
		return len(r.challenge) > 0
	}
	return r.oneTime()
}

// answer has what the operator has said, in the order of the request.
func (r *userRequest) answer(c *Credentials) (list []isakmp.Attribute) {
	text := map[isakmp.AttributeType]string{isakmp.XAUTHUserName: c.User, isakmp.XAUTHDomain: c.Domain}
	secrets := map[isakmp.AttributeType]secret.Secret{isakmp.XAUTHUserPassword: r.password(c), isakmp.XAUTHPasscode: c.Passcode,
		isakmp.XAUTHNextPIN: c.NextPIN, isakmp.XAUTHAnswer: c.Reply}
	for _, t := range r.wanted {
		if t == isakmp.XAUTHType {
			list = append(list, isakmp.BasicAttribute(t, r.kind))
		} else if v, ok := text[t]; ok {
			list = append(list, textAttribute(t, v))
		} else if v, ok := secrets[t]; ok {
			list = append(list, isakmp.Attribute{Type: t, Value: v.Reveal()})
		}
	}
	return list
}

// chapIdentifier stands first in an answer to RADIUS-CHAP, which has no message of
// PPP to take it from.
const chapIdentifier = 1

// password is what a request of its kind wants in the password's place: with
// RADIUS-CHAP a hash over it and the challenge (appendix A-8, RFC 1994 section 4.1).
func (r *userRequest) password(c *Credentials) secret.Secret {
	switch {
	case r.oneTime():
		return c.Reply
	case r.kind != isakmp.XAUTHRadiusCHAP:
		return c.Password
	}
	hash := md5.New()
	hash.Write([]byte{chapIdentifier})
	hash.Write(c.Password.Reveal())
	hash.Write(r.challenge)
	return secret.New(hash.Sum([]byte{chapIdentifier}))
}

// printable is a server's text without what could do something to a terminal.
func printable(b []byte) string {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\n' {
			c = '.'
		}
		out = append(out, c)
	}
	return string(out)
}
