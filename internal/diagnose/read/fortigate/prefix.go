package fortigate

import (
	"bytes"
	"net/netip"

	"qmidle/internal/diagnose/read"
)

// prefix is what stands before the words of a line: "ike 0:name:12:name2:34: ", or
// the cookies in the place of a name. Newer releases have "ike V=root:0:" there.
type prefix struct {
	gateway string // "" where cookies stand there
	number  string // of the negotiation, which is the last one
}

// begin finds whose a line is.
func begin(x *read.Context) {
	m := of(x)
	m.line = prefixOf(x.Text)
	if peer := m.peers[m.line.number]; peer.IsValid() && m.line.number != "" {
		x.With(peer)
	} else if peer := m.peers[m.line.gateway]; peer.IsValid() && m.line.gateway != "" {
		x.With(peer)
	}
	if peer := read.After(x.Text, "remip=", "remoteip=", "rem_ip=", "remote_ip="); peer.IsValid() {
		x.With(peer)
	}
}

// longestField bounds a field of a prefix.
const longestField = 40

func prefixOf(text []byte) (p prefix) {
	rest, ok := afterDomain(text)
	for first := true; ok; first = false {
		var field []byte
		if field, rest, ok = bytes.Cut(rest, []byte(":")); !ok || len(field) > longestField || bytes.IndexByte(field, ' ') >= 0 {
			return p
		}
		switch {
		case first && bytes.IndexByte(field, '/') < 0:
			p.gateway = string(field)
		case isNumber(field):
			p.number = string(field)
		}
	}
	return p
}

// afterDomain is what stands behind the virtual domain, which is a number.
func afterDomain(text []byte) (rest []byte, ok bool) {
	for {
		_, after, found := bytes.Cut(text, []byte("ike "))
		if !found {
			return nil, false
		}
		text = after
		if bytes.HasPrefix(after, []byte("V=")) {
			_, after, _ = bytes.Cut(after, []byte(":"))
		}
		if number, rest, found := bytes.Cut(after, []byte(":")); found && isNumber(number) {
			return rest, true
		}
	}
}

func isNumber(field []byte) bool {
	for _, c := range field {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(field) > 0 && len(field) < 12
}

// maxNames bounds what is remembered of gateways and of negotiations.
const maxNames = 512

// bind says that the line's gateway and negotiation are with a peer.
func (m *memory) bind(peer netip.Addr) {
	if !peer.IsValid() {
		return
	}
	if len(m.peers) >= maxNames {
		clear(m.peers)
	}
	for _, key := range []string{m.line.gateway, m.line.number} {
		if key != "" {
			m.peers[key] = peer
		}
	}
}

// know notes that it was said why the line's negotiation fails.
func (m *memory) know() {
	if len(m.reasons) >= maxNames {
		clear(m.reasons)
	}
	m.reasons[m.line.number] = true
}
