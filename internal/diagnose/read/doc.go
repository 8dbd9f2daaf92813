// Package read reads logs of any vendor into the vocabulary of diagnose.
//
// A Vendor is a table of Phrases, each with what it tells, and a memory for what
// a table cannot say. The phrases of all vendors are looked for at once, so that
// neither their number nor the mixture of formats in a file matters, and what was
// found is remembered by the line's outline, in which digits are alike: a daemon
// writes few kinds of lines. A line belongs to the vendor whose phrase it is; where
// several have the phrase, to the one whose marks the line bears, else to the
// one that the line before belongs to.
//
// It must know no file, no clock and no vendor: the tables are in the folders
// below, and docs/readers.md says how one is added. The memory that a log takes
// is bounded whatever its size.
//
// The files: vendor.go (what a vendor gives), phrase.go (wording with holes),
// outline.go (a line as it is searched), search.go, known.go (what is remembered
// of outlines), lines.go and clean.go (lines of hostile bytes),
// stamp.go (times), context.go (what a phrase's function sees), sink.go (bounds)
// and read.go.
package read
