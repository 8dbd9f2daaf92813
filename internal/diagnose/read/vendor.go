package read

import "qmidle/internal/diagnose"

// Vendor is one make of logs.
type Vendor struct {
	Name string // "Cisco IOS"
	// Marks are words that only this vendor's lines bear, such as a daemon's name.
	// They decide whose a phrase is that several vendors have.
	Marks   []string
	Phrases []Phrase
	// New makes what the vendor remembers from line to line of one log; nil for
	// nothing. A phrase's function finds it in Context.Memory.
	New func() any
	// Begin is called for each line of the vendor before its phrases: it reads
	// what the line's prefix says, such as the SA that it is about. May be nil.
	Begin func(*Context)
	// Rest is called for lines without a phrase, as long as Context.Block is set:
	// rows of tables and lines of configurations. May be nil.
	Rest func(*Context)
	// End is called behind the last line. May be nil.
	End func(*Context)
}

// Phrase is some wording and what it tells.
//
// The text is literal but for case and the width of blanks, which may be the
// end of a line, and for what is in braces: {} is any text up to the next
// literal, or at the end of the phrase a word; {a|b} is either. A hole with a
// name fills that member of the observation: {peer}, {local}, {offered},
// {wanted}, {detail}, {place}, {count}, {message}, {pair}. {rest} is all up to
// the end of the line, and any other name is for the phrase's function.
type Phrase struct {
	Text string
	// Tell is what the phrase tells; its Kind may be KindNone.
	Tell diagnose.Observation
	// Do is called instead of telling Tell, which Context.Tell then does. May be
	// nil.
	Do func(*Context, *Match)
	// Quiet phrases make a line known, and tell nothing: what every healthy log
	// has.
	Quiet bool
	// Weak phrases count only where a line has no other, such as the number of a
	// message whose words somebody has changed.
	Weak bool
}

// Says is a phrase that tells an observation of a kind.
func Says(text string, kind diagnose.Kind, phase diagnose.Phase, message int) Phrase {
	return Phrase{Text: text, Tell: diagnose.Observation{Kind: kind, Phase: phase, Message: message}}
}

// Known are phrases that tell nothing.
func Known(texts ...string) []Phrase {
	all := make([]Phrase, len(texts))
	for i, t := range texts {
		all[i] = Phrase{Text: t, Quiet: true}
	}
	return all
}

// Join makes one table of several.
func Join(tables ...[]Phrase) (all []Phrase) {
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}
