package diagnose

import (
	"net/netip"
	"time"
)

// Certainty is how sure a finding is. Certain is never wrong: what one end saw
// leaves no other cause.
type Certainty uint8

// Certainties, weakest first.
const (
	Possible Certainty = iota + 1 // one of several that look alike
	Likely                        // the usual reason for what was seen
	Certain
)

var certaintyNames = [...]string{"", "possible", "likely", "certain"}

// String is the word that text and JSON use.
func (c Certainty) String() string { return certaintyNames[c] }

// Finding is one answer.
type Finding struct {
	Cause     Cause
	Certainty Certainty
	Phase     Phase
	Message   int // of the phase's exchange, at which it showed; 0: none
	Peer      netip.Addr
	Name      string     // the peer's, where its address is not known
	Local     netip.Addr // the end that saw it; invalid when not known
	Time      time.Time  // when it last showed; zero when the source does not say
	// Summary is one sentence of plain English with the values at fault.
	Summary  string
	Evidence []Evidence
	// Alternatives would look the same from what was seen; Tell says what would
	// tell them apart. Both are empty for a certain finding.
	Alternatives []Cause
	Tell         string
	Fix          []Fix

	rule   string // its name
	weight weight
	idle   bool         // nothing has happened with the peer
	onPath bool         // Local is one of two ends that were watched
	about  *Observation // whose values the fix speaks of
}

// weight says what a finding stands on. What was seen here explains what was
// told, and both explain why nothing comes any more.
type weight uint8

const (
	inferred weight = iota // from silence, or from where it stopped
	told                   // by the peer
	seen                   // here
)

// Note is something that looks like a fault and is none.
type Note struct {
	Cause    Cause // "" where no label fits
	Peer     netip.Addr
	Summary  string
	Evidence []Evidence
}

// Report is all that a diagnosis has to say, the most important first.
type Report struct {
	Findings []Finding
	Notes    []Note
}

// Fix is what to do at one end, in the words of one system.
type Fix struct {
	Where  Where
	System System
	Text   string // why, one sentence; may be ""
	// Commands are lines to type, in order; empty when there are none to give.
	Commands []string
}

// Where says at which end a fix is made.
type Where uint8

// Ends.
const (
	Here Where = iota
	AtPeer
	Between // on the path
)

var whereNames = [...]string{"here", "peer", "between"}

// String is the word in JSON.
func (w Where) String() string { return whereNames[w] }

// System is whose words a fix speaks.
type System uint8

// Systems.
const (
	AnySystem System = iota
	IOS
	ASA
	StrongSwan
	Libreswan
)

var systemNames = [...]string{"any", "ios", "asa", "strongswan", "libreswan"}

// String is the word in JSON.
func (s System) String() string { return systemNames[s] }
