package compare

import (
	"errors"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
)

// Comparison is what is to be said about some gateways.
type Comparison struct {
	Gateways []*Gateway
	Pairs    []*Pair
	Weak     []Finding // of each gateway by itself
	Alone    []*Gateway
}

// maxFiles bounds how many gateways are held against each other.
const maxFiles = 64

// Compare holds files against each other: two as they are, of more those that
// name each other.
func Compare(files []*File) (*Comparison, error) {
	if len(files) < 2 {
		return nil, errors.New("two files are needed")
	}
	if len(files) > maxFiles {
		return nil, errors.New("64 files are compared at most")
	}
	c := &Comparison{}
	for i, name := range names(files) {
		c.Gateways = append(c.Gateways, &Gateway{Name: name, File: files[i], Config: files[i].cfg, cfg: files[i].cfg})
	}
	if err := assume(c.Gateways); err != nil {
		return nil, err
	}
	paired := make(map[*Gateway]bool)
	for i, a := range c.Gateways {
		c.Weak = append(c.Weak, weak(a)...)
		for _, b := range c.Gateways[i+1:] {
			if len(files) > 2 && !a.names(b) && !b.names(a) {
				continue
			}
			paired[a], paired[b] = true, true
			c.Pairs = append(c.Pairs, newPair(a, b, c.Gateways))
		}
	}
	for _, g := range c.Gateways {
		if !paired[g] {
			c.Alone = append(c.Alone, g)
		}
	}
	return c, nil
}

// names says whether a gateway has the other for a peer.
func (g *Gateway) names(other *Gateway) bool {
	return slices.ContainsFunc(g.entries, func(e *entry) bool { return slices.ContainsFunc(e.peers(), other.known) })
}

// weak are a gateway's algorithms that should not be used.
func weak(g *Gateway) (all []Finding) {
	for _, d := range g.File.Warnings {
		if d.Code == config.CodeWeak {
			all = append(all, Finding{Kind: Weak, Cause: diagnose.Other, Summary: g.Name + ": " + d.Message, Lines: []Quote{{File: d.File, Line: d.Line, Text: d.Text}}})
		}
	}
	return all
}

// OK says whether every tunnel comes up from either end that can begin it, and
// nothing differs.
func (c *Comparison) OK() bool {
	if len(c.Alone) > 0 {
		return false
	}
	for _, p := range c.Pairs {
		if len(p.Tunnels) == 0 || slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Kind == Mismatch }) {
			return false
		}
		for _, t := range p.Tunnels {
			for _, w := range t.Ways {
				if w != nil && !w.good() {
					return false
				}
			}
		}
	}
	return true
}

// good says whether a tunnel comes up and passes packets both ways.
func (w *Way) good() bool {
	if w.Beyond != "" {
		return false
	}
	if w.Outcome != nil {
		return w.Outcome.Up && w.Outcome.Passes && w.Outcome.Returns && w.Known
	}
	return w.Up && w.Passes && w.Known
}
