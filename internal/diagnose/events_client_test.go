package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// clientRecords are events of one ISAKMP SA with a client.
func clientRecords(events ...trace.Event) (list []trace.Record) {
	at := time.Date(2005, time.March, 1, 5, 0, 0, 0, time.UTC)
	ctx := trace.Context{Local: netip.AddrPortFrom(self, 500), Remote: netip.AddrPortFrom(other, 500), SA: 1, Conn: 1, Role: trace.RoleResponder, State: trace.QMIdle}
	for i, e := range events {
		list = append(list, trace.Record{Time: at.Add(time.Duration(i) * time.Second), Context: ctx, Event: e})
	}
	return list
}

// Each failure of a client's login has its finding, and one that succeeds has
// none.
func TestClientsAreExplained(t *testing.T) {
	up := &trace.Transition{From: trace.StateRAM2, To: trace.StateP1Complete, Input: trace.InputAMExch}
	refused := func(why trace.Refusal) *trace.UserJudged {
		return &trace.UserJudged{User: "joe", Group: "admin", Refusal: why, Try: 1, Max: 3}
	}
	ended := clientRecords(up, &trace.SADeleting{Reason: trace.ReasonPeerDeleted})
	ended[1].Role, ended[1].State = trace.RoleInitiator, trace.ConfAddr
	if d := Judge(FromRecords(ended)); len(d.Findings) == 0 || d.Findings[0].Cause != PoolExhausted || d.Findings[0].Certainty != Likely {
		t.Errorf("a server that ends the login in the place of an address: %+v", d.Findings)
	}
	for name, c := range map[string]struct {
		events []trace.Event
		want   Cause
	}{
		"a wrong password": {[]trace.Event{up, refused(trace.RefusalCredentials), &trace.SADeleting{Reason: trace.ReasonXAUTHFailed}}, XauthFailed},
		"silent AAA":       {[]trace.Event{up, refused(trace.RefusalSilence), &trace.SADeleting{Reason: trace.ReasonAAASilent}}, XauthFailed},
		"max-logins":       {[]trace.Event{up, refused(trace.RefusalMaxLogins), &trace.SADeleting{Reason: trace.ReasonClientRefused}}, XauthFailed},
		"an empty pool": {[]trace.Event{up, &trace.ClientRefused{Group: "admin", User: "joe", Refusal: trace.RefusalPoolEmpty},
			&trace.SADeleting{Reason: trace.ReasonNoClientAddress}}, PoolExhausted},
		"no group":                             {[]trace.Event{up, &trace.ClientRefused{Group: "admim", Refusal: trace.RefusalGroup}, &trace.SADeleting{Reason: trace.ReasonClientRefused}}, GroupUnknown},
		"a gateway that is asked for its user": {[]trace.Event{up, &trace.SADeleting{Reason: trace.ReasonUserSilent}}, XauthFailed},
		"quick mode without a user":            {[]trace.Event{up, &trace.PacketDropped{Reason: trace.DropUserUnknown, Exchange: isakmp.ExchangeQuick}}, XauthNotExpected},
		"XAUTH that nobody expects":            {[]trace.Event{up, &trace.PacketDropped{Reason: trace.DropNoClients, Exchange: isakmp.ExchangeTransaction}}, XauthNotExpected},
		"a server that never asks":             {[]trace.Event{up, &trace.SADeleting{Reason: trace.ReasonXAUTHNotAsked}}, XauthNotExpected},
		"a password that the server asks for again": {[]trace.Event{up, &trace.CredentialsAsked{Try: 1}, &trace.CredentialsSent{User: "joe", Secret: true},
			&trace.CredentialsAsked{Try: 2}}, XauthFailed},
		"a challenge behind the password": {[]trace.Event{up, &trace.CredentialsAsked{Try: 1}, &trace.CredentialsSent{User: "joe", Secret: true},
			&trace.ConfigAttributeSeen{Attr: trace.ConfigAttr(isakmp.XAUTHAnswer)}, &trace.CredentialsAsked{Try: 2}}, ""},
		"XAUTH of another kind":          {[]trace.Event{up, &trace.XAUTHUnknown{Type: 7}, &trace.SADeleting{Reason: trace.ReasonNoCredentials}}, XauthFailed},
		"silent AAA about a group":       {[]trace.Event{&trace.GroupRequested{Group: "admin"}, &trace.ClientRefused{Group: "admin", Refusal: trace.RefusalSilence}, &trace.SADeleting{Reason: trace.ReasonAAASilent}}, XauthFailed},
		"a group that AAA does not know": {[]trace.Event{&trace.GroupRequested{Group: "admim"}, &trace.NamedKeyLookup{ID: isakmp.IDKeyID, Name: []byte("admim")}}, GroupUnknown},
		"mode config without an answer":  {[]trace.Event{up, &trace.SADeleting{Reason: trace.ReasonConfigUnanswered}}, PeerQuirk},
		"an offer with a user": {[]trace.Event{
			&trace.IKETransformRefused{Number: 1, Priority: 10, Attr: trace.IKEAttrAuth, Offered: uint32(isakmp.AuthXAUTHInitPSK), Wanted: uint32(isakmp.AuthPSK)},
			&trace.Phase1PolicyRefused{}, &trace.SADeleting{Reason: trace.ReasonPolicyNotAccepted}}, XauthNotExpected},
		"a second try that succeeds": {[]trace.Event{up, refused(trace.RefusalCredentials), &trace.UserJudged{User: "joe", Accepted: true, Try: 2, Max: 3},
			&trace.ClientSession{Begun: true, User: "joe"}}, ""},
	} {
		d := Judge(FromRecords(clientRecords(c.events...)))
		got := Cause("")
		if len(d.Findings) > 0 {
			got = d.Findings[0].Cause
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q: %+v", name, got, c.want, d.Findings)
		}
	}
}
