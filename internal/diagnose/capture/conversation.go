package capture

import (
	"net/netip"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
)

// pairKey is two addresses, the lower one first.
type pairKey struct{ lo, hi netip.Addr }

// conversation is all between two addresses. Its ends are numbered 0 and 1.
type conversation struct {
	addr     [2]netip.Addr
	sessions []*session
	flows    []*flow
	heard    [2]place  // when each end was heard last
	unheard  [2]uint64 // ESP packets of each end since the last one of the other
	v2       [2]version2
	quickUp  place // when the last quick mode was done
	out      []diagnose.Observation
}

// version2 is what an end said in IKEv2.
type version2 struct {
	requests, answers int
	first             place
	text              string
}

// Bounds of what is remembered between two ends.
const (
	maxSessions     = 16
	maxLiveSessions = 1024
	maxPairFlows    = 64
)

// pair returns the conversation of two addresses and which of its ends sends.
// It is nil when there are too many.
func (r *reader) pair(src, dst netip.Addr) (c *conversation, from int) {
	key := pairKey{src, dst}
	if dst.Less(src) {
		key, from = pairKey{dst, src}, 1
	}
	c = r.pairs[key]
	if c == nil {
		if len(r.pairs) == maxPairs {
			r.morePairs++
			return nil, 0
		}
		c = &conversation{addr: [2]netip.Addr{key.lo, key.hi}}
		r.pairs[key] = c
		r.order = append(r.order, c)
		r.result.Ends++
	}
	return c, from
}

// known returns the conversation of two addresses if there is one.
func (r *reader) known(src, dst netip.Addr) (c *conversation, from int) {
	key := pairKey{src, dst}
	if dst.Less(src) {
		key, from = pairKey{dst, src}, 1
	}
	return r.pairs[key], from
}

// session returns the negotiation that a cookie began, nil for none.
func (c *conversation) session(initiator isakmp.Cookie) *session {
	for i := len(c.sessions) - 1; i >= 0; i-- {
		if c.sessions[i].initiator == initiator {
			return c.sessions[i]
		}
	}
	return nil
}

// cookieOf is the initiator's cookie of a negotiation that is remembered; "" for
// none.
func (c *conversation) cookieOf(id uint64) string {
	for _, s := range c.sessions {
		if s.id == id {
			return s.initiator.String()
		}
	}
	return ""
}

// lastSession is the youngest negotiation, nil for none.
func (c *conversation) lastSession() *session {
	if len(c.sessions) == 0 {
		return nil
	}
	return c.sessions[len(c.sessions)-1]
}

// begin remembers a negotiation, and ends the oldest where there are too many.
func (r *reader) begin(c *conversation, s *session) *session {
	if len(c.sessions) == maxSessions {
		r.end(c.sessions[0])
	}
	if len(r.live) == maxLiveSessions {
		r.end(r.live[0])
	}
	r.sessions++
	s.c, s.id, s.first = c, r.sessions, r.at
	c.sessions = append(c.sessions, s)
	r.live = append(r.live, s)
	return s
}

// end tells of a negotiation and forgets it.
func (r *reader) end(s *session) {
	r.concludeSession(s)
	s.c.sessions = remove(s.c.sessions, s)
	r.live = remove(r.live, s)
}

func remove(list []*session, s *session) []*session {
	for i, x := range list {
		if x == s {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = nil
			return list[:len(list)-1]
		}
	}
	return list
}

// conclude tells of all that two ends did, at the end of the file.
func (r *reader) conclude(c *conversation) {
	for len(c.sessions) > 0 {
		r.end(c.sessions[0])
	}
	r.concludeVersion2(c)
	r.concludeFlows(c)
}
