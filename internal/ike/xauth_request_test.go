package ike

import (
	"crypto/md5"
	"fmt"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// notAsked is a client that waits for the server to ask for its user.
func notAsked(t testing.TB) *remote {
	r := newRemote(t, nil)
	r.lose = func(_ int, d Datagram) bool { return isakmp.ExchangeType(d.Data[18]) == isakmp.ExchangeTransaction }
	r.connect()
	if s := r.spoke.newest(); s.state != trace.StateP1Complete || s.access == nil {
		t.Fatalf("the client is in %v", s.state)
	}
	return r
}

// asServer hands the client a message made with the server's keys, and returns what
// it answers; of type 0 is nothing.
func (r *remote) asServer(id uint32, payload isakmp.Payload) (answer isakmp.Attributes) {
	s := r.spoke.newest()
	first, body := chained([]isakmp.Payload{{Type: isakmp.PayloadHash, Body: make([]byte, keymat.HashSize(s.suite.Hash))}, payload})
	data := s.asItsPeer(isakmp.Header{Initiator: s.cookieI, Responder: s.cookieR, NextPayload: first, Version: isakmp.Version1,
		Exchange: isakmp.ExchangeTransaction, Flags: isakmp.FlagEncryption, MessageID: id}, body)
	cipher, chain := s.cipher, slices.Clone(data[len(data)-s.cipher.BlockSize():])
	local, remote := s.local, s.remote
	r.do(r.spoke, func(e *Engine, fx *Effects) { e.Datagram(r.now, local, remote, data, fx) })
	for _, d := range r.wire {
		h, err := isakmp.ParseHeader(d.Data)
		if err != nil || h.MessageID != id {
			continue
		}
		clear := slices.Clone(d.Data[isakmp.HeaderLen:])
		cipher.Decrypt(chain, clear)
		payloads, _, err := isakmp.ParsePayloads(h.NextPayload, clear, true, nil)
		if err != nil || len(payloads) < 2 {
			r.t.Fatalf("%v of %v", err, payloads)
		}
		if answer, err = isakmp.ParseAttributes(payloads[1]); err != nil {
			r.t.Fatal(err)
		}
	}
	return answer
}

func xauthAsks(t isakmp.AttributeType) isakmp.Attribute { return isakmp.Attribute{Type: t} }

// TestAnswersToEachKindOfXAUTH has a server ask in each way that the draft knows.
func TestAnswersToEachKindOfXAUTH(t *testing.T) {
	typed := Credentials{Given: true, User: "joe", Domain: "CORP", Password: secret.FromString("s3cret"), Passcode: secret.FromString("123456"),
		NextPIN: secret.FromString("9999"), Reply: secret.FromString("BODE HOP JAKE")}
	name, password := xauthAsks(isakmp.XAUTHUserName), xauthAsks(isakmp.XAUTHUserPassword)
	challenge := []byte("0123456789abcdef")
	chap := md5.Sum(append([]byte("\x01s3cret"), challenge...))
	kind := func(v uint16) isakmp.Attribute { return isakmp.BasicAttribute(isakmp.XAUTHType, v) }
	for what, c := range map[string]struct {
		request []isakmp.Attribute
		prompts []Prompt
		message string
		answer  string
	}{
		"name and password": {[]isakmp.Attribute{name, password}, []Prompt{PromptPassword}, "", "16521=joe 16522=s3cret"},
		"with its type":     {[]isakmp.Attribute{kind(0), name, password}, []Prompt{PromptPassword}, "", "16520=0 16521=joe 16522=s3cret"},
		"two factors": {[]isakmp.Attribute{name, password, xauthAsks(isakmp.XAUTHPasscode)}, []Prompt{PromptPassword, PromptPasscode}, "",
			"16521=joe 16522=s3cret 16523=123456"},
		"a domain": {[]isakmp.Attribute{name, password, xauthAsks(isakmp.XAUTHDomain)}, []Prompt{PromptPassword}, "", "16521=joe 16522=s3cret 16526=CORP"},
		"a PIN": {[]isakmp.Attribute{xauthAsks(isakmp.XAUTHNextPIN), textAttribute(isakmp.XAUTHMessage, "4 to 6\x1b digits")}, []Prompt{PromptNextPIN}, "4 to 6. digits",
			"16528=9999"},
		"a question":  {[]isakmp.Attribute{xauthAsks(isakmp.XAUTHAnswer), textAttribute(isakmp.XAUTHMessage, "Really?")}, []Prompt{PromptAnswer}, "Really?", "16529=BODE HOP JAKE"},
		"RADIUS-CHAP": {[]isakmp.Attribute{kind(1), name, password, {Type: isakmp.XAUTHChallenge, Value: challenge}}, []Prompt{PromptPassword}, "", "16520=1 16521=joe 16522=\x01" + string(chap[:])},
		"OTP": {[]isakmp.Attribute{kind(2), textAttribute(isakmp.XAUTHChallenge, "otp-md5 499 ke1234"), name, password}, []Prompt{PromptAnswer}, "otp-md5 499 ke1234",
			"16520=2 16521=joe 16522=BODE HOP JAKE"},
		"OTP, the user first": {[]isakmp.Attribute{kind(2), xauthAsks(isakmp.XAUTHChallenge), name}, nil, "", "16520=2 16521=joe"},
	} {
		r := notAsked(t)
		var q AskCredentials
		r.aaa = func(_ *side, a Ask) Answer {
			q = a.(AskCredentials)
			return typed
		}
		sent := r.asServer(41, config(isakmp.ConfigRequest, 5, c.request...))
		if !slices.Equal(q.Prompts, c.prompts) || q.Message != c.message || q.Try == 0 {
			t.Errorf("%s: the operator is asked %+v", what, q)
		}
		var got []string
		for _, a := range sent.Attributes {
			v := string(a.Value)
			if a.Basic {
				n, _ := a.Uint()
				v = fmt.Sprint(n)
			}
			got = append(got, fmt.Sprintf("%d=%s", a.Type, v))
		}
		if text := strings.Join(got, " "); text != c.answer || sent.Type != isakmp.ConfigReply || sent.Identifier != 5 {
			t.Errorf("%s: answered %q in a message of type %d, want %q", what, text, sent.Type, c.answer)
		}
	}
}

// TestXAUTHOfUnknownKindsFails has a server ask for what nobody here can say: it is
// told so, nobody is asked, and the SA ends.
func TestXAUTHOfUnknownKindsFails(t *testing.T) {
	name, password := xauthAsks(isakmp.XAUTHUserName), xauthAsks(isakmp.XAUTHUserPassword)
	for what, list := range map[string][]isakmp.Attribute{
		"a type of the future":        {isakmp.BasicAttribute(isakmp.XAUTHType, 4), name, password},
		"RADIUS-CHAP, no challenge":   {isakmp.BasicAttribute(isakmp.XAUTHType, 1), name, password},
		"a challenge for no kind":     {name, password, textAttribute(isakmp.XAUTHChallenge, "123456")},
		"a challenge for the generic": {isakmp.BasicAttribute(isakmp.XAUTHType, 0), name, password, textAttribute(isakmp.XAUTHChallenge, "123456")},
	} {
		r := notAsked(t)
		r.aaa = func(_ *side, a Ask) Answer {
			t.Errorf("%s: %+v is asked", what, a)
			return nil
		}
		sent := r.asServer(41, config(isakmp.ConfigRequest, 5, list...))
		if len(sent.Attributes) != 1 || sent.Attributes[0].Type != isakmp.XAUTHStatus || string(sent.Attributes[0].Value) != "\x00\x00" {
			t.Errorf("%s: answered %+v", what, sent)
		}
		if s := r.spoke.newest(); !s.dead || s.reason != trace.ReasonNoCredentials || !r.spoke.events.has(trace.CodeXAUTHUnknown) {
			t.Errorf("%s: the SA is in %v", what, s.state)
		}
	}
}

// TestBadRequestsForAUserAreDropped has a server send requests that make no sense.
func TestBadRequestsForAUserAreDropped(t *testing.T) {
	name, password := xauthAsks(isakmp.XAUTHUserName), xauthAsks(isakmp.XAUTHUserPassword)
	for what, list := range map[string][]isakmp.Attribute{
		"nothing":              nil,
		"a message alone":      {textAttribute(isakmp.XAUTHMessage, "hello")},
		"a name twice":         {name, name, password},
		"an address":           {name, password, {Type: isakmp.ConfigIP4Address}},
		"a type of 5 octets":   {{Type: isakmp.XAUTHType, Value: []byte("12345")}, name, password},
		"a challenge too long": {isakmp.BasicAttribute(isakmp.XAUTHType, 1), name, password, textAttribute(isakmp.XAUTHChallenge, strings.Repeat("x", 256))},
	} {
		r := notAsked(t)
		before := r.spoke.engine.Statistics().Dropped
		if sent := r.asServer(41, config(isakmp.ConfigRequest, 5, list...)); sent.Type != 0 {
			t.Errorf("%s: answered %+v", what, sent)
		}
		before[trace.DropConfigAttribute]++
		if after := r.spoke.engine.Statistics().Dropped; after != before {
			t.Errorf("%s: counted %v, want %v", what, after, before)
		}
	}
}
