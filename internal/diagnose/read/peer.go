package read

import (
	"bytes"
	"net/netip"
	"strings"
)

// With makes the session with a peer, of whom no more than the address is known,
// the one that the line belongs to. An invalid address leaves it as it is.
func (x *Context) With(peer netip.Addr) *Session {
	if !peer.IsValid() {
		return x.Session
	}
	if s := x.Session; s != nil && s.Peer == peer {
		return s
	}
	if s := x.Find(func(s *Session) bool { return s.Peer == peer }); s != nil {
		x.Session = s
		return s
	}
	s := x.Fresh("with " + peer.String())
	x.SetPeer(s, peer, netip.Addr{})
	return s
}

// After is the first address that stands behind one of some words, such as
// "remote="; invalid for none.
func After(text []byte, words ...string) netip.Addr {
	for _, w := range words {
		at := bytes.Index(text, []byte(w))
		if at < 0 {
			continue
		}
		rest := strings.TrimLeft(string(text[at+len(w):min(len(text), at+len(w)+60)]), " :='\"(")
		end := strings.IndexFunc(rest, func(r rune) bool {
			return r != '.' && r != ':' && (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
		})
		if end >= 0 {
			rest = rest[:end]
		}
		if a := Addr(strings.TrimRight(rest, ".:")); a.IsValid() {
			return a
		}
	}
	return netip.Addr{}
}
