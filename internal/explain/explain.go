// Package explain says what is wrong from files: logs of any vendor, captures,
// one end's or both ends'.
//
// What a file tells is a Source: observations, whoever read them. The package
// judges sources and writes the answer, for people and as JSON. It must know no
// file: the caller opens them.
package explain

import (
	"io"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/compare"
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

	configs []*compare.File // of routers, that stand in it
}

// Log reads a log of any vendor.
func Log(name string, in io.Reader) (*Source, error) {
	readers, err := vendors.Readers()
	if err != nil {
		return nil, err
	}
	in, configs := configurations(name, in)
	log, err := readers.Read(name, in)
	s := &Source{Name: name, Observations: log.Observations, Lines: log.Lines, configs: configs}
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
	// Baseline is what a good log has otherwise; nil where there was none, or
	// where it has nothing otherwise.
	Baseline *Difference
	diagnose.Report
}

// Explain judges sources: one end's, or both ends' of tunnels, and captures
// between them. Of several logs those of one end are put together: the ends are
// told apart by the ISAKMP SAs and by whom they speak of. Configurations of
// several routers in them are held against each other.
func Explain(sources []*Source) *Explanation {
	e := &Explanation{Sources: sources}
	here, there, captures := ends(sources)
	e.Report = diagnose.Together(here, there, captures)
	e.Add(misfits(sources)...)
	for _, s := range sources {
		e.Peers = append(e.Peers, peersOf(s)...)
	}
	return e
}

// ends divides what sources tell into that of the first log's end, that of the
// other, and what captures show: a source whose own address is a peer's of the
// first is the other end's. Two logs that do not say where they are from are taken
// for both ends.
func ends(sources []*Source) (here, there []diagnose.Observation, captures [][]diagnose.Observation) {
	var logs []*Source
	for _, s := range sources {
		if s.Capture {
			captures = append(captures, s.Observations)
			continue
		}
		logs = append(logs, s)
	}
	for i, s := range logs {
		all := apart(s.Observations, uint64(i))
		if i > 0 && (logs[0].calls(s) || len(logs) == 2 && !logs[0].same(s)) {
			there = append(there, all...)
			continue
		}
		here = append(here, all...)
	}
	return here, there, captures
}

// apart numbers the negotiations of a source as no other does.
func apart(all []diagnose.Observation, source uint64) []diagnose.Observation {
	all = slices.Clone(all)
	for i := range all {
		if all[i].Session != 0 {
			all[i].Session |= source << 48
		}
	}
	return all
}

// calls says whether another source's own address is a peer of this one.
func (s *Source) calls(other *Source) bool {
	peers := s.addresses(func(o *diagnose.Observation) netip.Addr { return o.Peer })
	for a := range other.addresses(local) {
		if peers[a] {
			return true
		}
	}
	return false
}

// same says whether two sources have an address of their own in common.
func (s *Source) same(other *Source) bool {
	mine := s.addresses(local)
	for a := range other.addresses(local) {
		if mine[a] {
			return true
		}
	}
	return false
}

func local(o *diagnose.Observation) netip.Addr { return o.Local }

func (s *Source) addresses(of func(*diagnose.Observation) netip.Addr) map[netip.Addr]bool {
	all := make(map[netip.Addr]bool)
	for i := range s.Observations {
		if a := of(&s.Observations[i]); a.IsValid() {
			all[a] = true
		}
	}
	return all
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
