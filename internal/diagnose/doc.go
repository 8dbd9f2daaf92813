// Package diagnose names why a tunnel does not come up, or passes nothing.
//
// Every source (the flight recorder's events, what `show` tells, a pasted log of
// any vendor, a capture) is read into one vocabulary of Observations: what one
// end saw, with the line that says so. Observations with one peer are a Case. A
// table of rules judges a Case and yields Findings: a cause of a closed list,
// where in the exchange, the evidence, how sure it is, what else would look the
// same, and the commands that mend it at this end and at the other.
//
// It does no I/O and knows no clock, no console and no gateway: readers are
// given records, snapshots or lines, and renderers return text.
//
// The files: cause.go (the list), observation.go (the vocabulary), case.go,
// rules_*.go (a family of rules a file), finding.go, fix_*.go, text.go and
// json.go; events.go reads trace records.
package diagnose
