// Package explain says what is wrong from files: logs of any vendor, captures,
// one end's or both ends'.
//
// What a file tells is a Source: observations, whoever read them. The package
// judges sources and writes the answer, for people and as JSON. It must know no
// file: the caller opens them.
package explain

import (
	"io"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read/vendors"
)

// Source is what one file tells.
type Source struct {
	Name         string
	Observations []diagnose.Observation
	Lines        int      // or packets
	Understood   int      // of them
	Formats      []string // that were found in it
	Capture      bool     // of packets, rather than a log
	// Remarks are sentences about what could not be read, for the reader.
	Remarks []string
}

// Log reads a log of any vendor.
func Log(name string, in io.Reader) (*Source, error) {
	readers, err := vendors.Readers()
	if err != nil {
		return nil, err
	}
	log, err := readers.Read(name, in)
	s := &Source{Name: name, Observations: log.Observations, Lines: log.Lines}
	for format, n := range log.Understood {
		s.Formats = append(s.Formats, format)
		s.Understood += n
	}
	slices.Sort(s.Formats)
	s.remark(log.Cut, "a line is longer than 8 KiB, and was read up to there", "lines are longer than 8 KiB, and were read up to there")
	s.remark(int(log.Forgotten), "observation is not kept: there are too many", "observations, the oldest, are not kept: there are too many")
	return s, err
}

func (s *Source) remark(n int, one, many string) {
	switch {
	case n == 1:
		s.Remarks = append(s.Remarks, one)
	case n > 1:
		s.Remarks = append(s.Remarks, count(n)+" "+many)
	}
}

// Explanation is the answer.
type Explanation struct {
	Sources []*Source
	Peers   []Peer
	diagnose.Report
}

// Explain judges sources: one end's, or the two ends' of a tunnel.
func Explain(sources []*Source) *Explanation {
	e := &Explanation{Sources: sources}
	switch len(sources) {
	case 2:
		e.Report = diagnose.Both(sources[0].Observations, sources[1].Observations)
	default:
		var all []diagnose.Observation
		for _, s := range sources {
			all = append(all, s.Observations...)
		}
		e.Report = diagnose.Judge(all)
	}
	for _, s := range sources {
		e.Peers = append(e.Peers, peersOf(s)...)
	}
	return e
}

// Understood says whether anything in the sources is a log.
func (e *Explanation) Understood() bool {
	return slices.ContainsFunc(e.Sources, func(s *Source) bool { return s.Understood > 0 })
}

func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
