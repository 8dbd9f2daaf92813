// Package ladder draws what a flight recorder has of one peer as a ladder: the
// two ends as columns, a rung for each IKE message with its payloads and the
// state of both ends, and between them what was decided, with the point of
// failure.
//
// It renders records and nothing else: it must not know an engine, a
// configuration or a terminal. What it says of the peer's state is what the
// peer's messages imply; nobody told us. It names facts, not causes.
package ladder

import (
	"net/netip"
	"time"

	"qmidle/internal/trace"
)

// Ladder is what is known of one peer, oldest first.
type Ladder struct {
	Peer     netip.Addr `json:"peer"`
	Lost     uint64     `json:"events_lost"` // by the flight recorder, before what follows
	Sections []Section  `json:"sections"`
}

// Section is the life of one ISAKMP SA: the exchange that made it, and what went
// under it. One with SA 0 is what happened outside of any.
type Section struct {
	SA       uint32         `json:"sa"`
	Conn     uint32         `json:"conn_id"` // 0 before it is allocated
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote"`
	Role     string         `json:"role,omitempty"`     // ours: initiator or responder
	Exchange string         `json:"exchange,omitempty"` // of phase 1
	// Outcome is one of the constants below.
	Outcome  string `json:"outcome"`
	FailedAt string `json:"failed_at,omitempty"` // the label of a message
	Steps    []Step `json:"steps"`
}

// Outcomes of a section.
const (
	UnderWay    = "under way"     // phase 1 is not complete
	Up          = "up"            // it is
	QuickFailed = "no IPsec SA"   // phase 1 is up, and the last quick mode failed
	Failed      = "failed"        // phase 1 did not come up
	Dead        = "peer is dead"  // it was up, and the peer says nothing any more
	Ended       = "ended"         // it was up, and was deleted in order
	OutsideSA   = "outside an SA" // there is none
)

// Step is one rung, or what stands between two. It has a Message or a Note.
type Step struct {
	Time    time.Time `json:"time"`
	Message *Message  `json:"message,omitempty"`
	Note    *Note     `json:"note,omitempty"`
}

// Message is one IKE message.
type Message struct {
	Sent       bool     `json:"sent"`  // by us
	Label      string   `json:"label"` // MM1 to MM6, QM1 to QM3, INFO, DPD; QM1#2 is of the second quick mode
	Exchange   string   `json:"exchange,omitempty"`
	ID         uint32   `json:"message_id"`
	Encrypted  bool     `json:"encrypted"`
	Length     uint16   `json:"length,omitempty"` // octets
	Payloads   []string `json:"payloads"`         // empty for a repetition
	Detail     string   `json:"detail,omitempty"` // what it deletes
	Again      bool     `json:"again"`            // it is a repetition
	Unanswered bool     `json:"unanswered"`       // it was sent, and no answer came in time
	Fragments  uint8    `json:"fragments,omitempty"`
	// LocalState and PeerState are those of `show crypto isakmp sa` after the
	// message; PeerState is "" where no message of the peer implies it.
	LocalState string `json:"local_state"`
	PeerState  string `json:"peer_state"`

	number int // of the exchange's messages, 0 where it is not known
	phase1 bool
	drawn  []string // payloads
}

// Level says what a note means.
type Level string

// Levels.
const (
	Good    Level = "good"
	Plain   Level = "plain"
	Warning Level = "warning"
	Failure Level = "failure"
)

// Note is what was decided, or happened, at our end.
type Note struct {
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Times int    `json:"times"` // in a row
}

// Of makes a ladder of a peer's records, oldest first. lost is how many events
// the recorder has dropped before them.
func Of(peer netip.Addr, records []trace.Record, lost uint64) Ladder {
	r := reader{bySA: make(map[uint32]*section)}
	for i := range records {
		r.read(&records[i])
	}
	l := Ladder{Peer: peer, Lost: lost, Sections: []Section{}}
	for _, s := range r.finish() {
		l.Sections = append(l.Sections, *s)
	}
	return l
}
