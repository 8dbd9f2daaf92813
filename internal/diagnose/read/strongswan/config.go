package strongswan

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// loaded are lines of the configuration that charon logs when it loads it, and of
// the search for a connection, at its higher levels.
var loaded = []read.Phrase{
	{Text: "[CFG] class = XAuth", Do: func(x *read.Context, _ *read.Match) { of(x).xauth = true }},
	{Text: "[CFG] {leftauth2=xauth|rightauth2=xauth}", Do: func(x *read.Context, _ *read.Match) { of(x).xauth = true }},
	{Text: "[CFG] {aggressive = 1|aggressive=yes}", Do: func(x *read.Context, _ *read.Match) { of(x).aggressive = true }},
	{Text: "looking for an {IKEv1|IKEv2} config for {ends}...{rest}", Do: seeking},
	{Text: "ike config match: 0 ({ends} IKEv{version})", Do: otherConfig},
}

// seeking begins the search for a connection by the version of a first message and
// the ends' addresses.
func seeking(x *read.Context, hit *read.Match) {
	m := of(x)
	m.seeks, m.otherVersion = hit.Hole("ends")+"..."+firstWord(hit.Hole("rest")), false
	m.seeksV2 = strings.Contains(string(x.Text), "IKEv2")
}

// otherConfig is a connection that does not fit: by its version alone, where its
// addresses are those that are looked for.
func otherConfig(x *read.Context, hit *read.Match) {
	m := of(x)
	v2 := strings.HasPrefix(hit.Hole("version"), "2")
	if m.seeks != "" && v2 != m.seeksV2 && fits(m.seeks, hit.Hole("ends")) {
		m.otherVersion = true
	}
}

// fits says whether a connection's addresses are those of a message.
func fits(message, connection string) bool {
	l, r, _ := strings.Cut(message, "...")
	a, b, ok := strings.Cut(connection, "...")
	one := func(want, has string) bool { return has == want || has == "%any" || has == "0.0.0.0/0" }
	return ok && one(l, a) && one(r, b)
}

// firstWord is that of a hole that goes on to the end of the line.
func firstWord(s string) string {
	f := strings.Fields(s)
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// versionDiffers is a message for whose addresses there is a connection of the other
// version only.
func (m *memory) versionDiffers() (o diagnose.Observation, ok bool) {
	if !m.otherVersion {
		return o, false
	}
	m.otherVersion = false
	o = diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Responder, Attr: diagnose.AttrProtocol,
		Detail: "the peer speaks IKEv1, and the connection here for its address is of IKEv2"}
	if m.seeksV2 {
		o.Detail = "the peer speaks IKEv2, and the connection here for its address is of IKEv1"
	}
	return o, true
}
