package ios

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// sa is what is remembered of an ISAKMP SA.
type sa struct {
	over     bool              // it was deleted
	refused  bool              // a transform was, since the last message
	keyless  diagnose.Evidence // no key was found by name; another may be
	quick    int               // messages of the last quick mode
	node     string
	ours     map[string]bool // quick modes that this router began
	installs bool            // its last quick mode made SAs
	pair     string
	deleting bool // the peer's delete is being read
	dots     bool // retransmissions are told with dots
}

func saOf(s *read.Session) *sa {
	if s == nil {
		return &sa{}
	}
	if s.Memory == nil {
		s.Memory = &sa{ours: make(map[string]bool)}
	}
	return s.Memory.(*sa)
}

// engine are the bits that some releases put above the number of an SA.
const engine = 0x8000000

// connection reads the number of the SA from a line's prefix: "ISAKMP:(1001):",
// "ISAKMP (0:1):", "ISAKMP:(0:1:SW:1):", "ISAKMP-PAK: (1001):", "ISAKMP
// (0/134217730):". It is -1 where there is none.
func connection(text []byte) int {
	at := bytes.Index(text, []byte("ISAKMP"))
	if at < 0 {
		return -1
	}
	open := bytes.IndexByte(text[at:min(len(text), at+20)], '(')
	if open < 0 {
		return -1
	}
	inside := text[at+open+1:]
	stop := bytes.IndexByte(inside, ')')
	if stop < 1 || stop > 24 {
		return -1
	}
	first, n, parts := -1, -1, 0
	for i := 0; i <= stop; i++ {
		c := inside[i]
		switch {
		case c >= '0' && c <= '9':
			n = max(0, n)*10 + int(c-'0')
		case c == ':' || c == '/' || c == ')':
			if parts++; parts == 2 {
				return number(n)
			}
			first, n = n, -1
		default:
			n = -1
			if parts == 0 {
				return -1
			}
		}
	}
	return number(first)
}

func number(n int) int {
	if n >= engine {
		n &= engine - 1
	}
	return n
}

// begin chooses the SA that a line is about.
func begin(x *read.Context) {
	m := remember(x)
	m.look(x)
	switch n := connection(x.Text); {
	case n > 0:
		m.numbered(x, m.key(n))
	case n == 0 && m.half != nil:
		x.Session = m.half
	}
}

// key is the key of the SA with a number. Lines about one SA follow each other.
func (m *memory) key(n int) string {
	if m.lastNumber != n {
		m.lastNumber, m.lastKey = n, strconv.Itoa(n)
	}
	return m.lastKey
}

// numbered is a line about an SA with a number. The first one gives its number
// to the SA that had none.
func (m *memory) numbered(x *read.Context, key string) {
	known := x.Known(key)
	if m.half != nil && (known == nil || saOf(known).over) {
		s := m.half
		m.half = nil
		x.Rename(s, key)
		x.Session = s
		return
	}
	x.Use(key)
}

// packet chooses the SA of a packet's line. A packet without a number belongs to
// the SA with its peer that has none yet.
func (m *memory) packet(x *read.Context, peer netip.Addr, fresh bool) *read.Session {
	m.ends(netip.Addr{}, peer)
	n := connection(x.Text)
	key := "0/" + peer.String()
	if n > 0 {
		s := x.Session
		if s != nil && s.Peer.IsValid() && peer.IsValid() && s.Peer != peer {
			if half := x.Known(key); half != nil {
				x.Rename(half, strconv.Itoa(n))
				s = half
			} else {
				s = x.Fresh(strconv.Itoa(n))
			}
		}
		x.Session = s
		x.SetPeer(s, peer, netip.Addr{})
		return s
	}
	s := x.Known(key)
	if s == nil || fresh || saOf(s).over {
		if m.half != nil && !m.half.Peer.IsValid() && !fresh {
			s = m.half
			x.Rename(s, key)
		} else {
			s = x.Fresh(key)
		}
	}
	m.half, x.Session = s, s
	x.SetPeer(s, peer, netip.Addr{})
	return s
}

// about makes the SA with a peer the one that the line belongs to, where another
// one is not known from its prefix.
func (m *memory) about(x *read.Context, peer, local netip.Addr) {
	m.ends(local, peer)
	if s := x.Session; s != nil && (!s.Peer.IsValid() || s.Peer == peer || !peer.IsValid()) {
		x.SetPeer(s, peer, local)
		return
	}
	if !peer.IsValid() {
		return
	}
	if s := x.Find(func(s *read.Session) bool { return s.Peer == peer }); s != nil {
		x.Session = s
		x.SetPeer(s, peer, local)
		return
	}
	m.half = x.Fresh("0/" + peer.String())
	x.SetPeer(m.half, peer, local)
}

// role is the letter of a packet's line or of a deletion.
func role(letter string) diagnose.Role {
	switch strings.Trim(letter, "()") {
	case "I":
		return diagnose.Initiator
	case "R", "N":
		return diagnose.Responder
	}
	return diagnose.RoleUnknown
}
