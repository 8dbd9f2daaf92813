package compare

import (
	"slices"

	"qmidle/internal/diagnose"
)

// Kind says what a finding is.
type Kind uint8

// Kinds of findings, the gravest first.
const (
	Mismatch Kind = iota // the two ends do not fit
	Luck                 // it works as long as something else stays as it is
	Weak                 // an algorithm that should not be used
)

var kindNames = [...]string{"mismatch", "luck", "weak"}

// String is the word in JSON.
func (k Kind) String() string { return kindNames[k] }

// Finding is one thing that is wrong between two gateways, or with one.
type Finding struct {
	Kind    Kind
	Cause   diagnose.Cause
	Summary string // a sentence with the values at fault, no key among them
	// Stops says by whom tunnels cannot be begun because of it: the pair's first
	// gateway, its second. Mute, that packets of tunnels begun so do not come back.
	Stops, Mute [2]bool
	Tunnels     []int // numbers of those that it is about, from 1; none: of no particular one
	Lines       []Quote
	Fix         []Fix
	// Beyond says of which way the lab knows nothing of it: a router's own NAT or
	// filter.
	Beyond [2]bool

	order int // where in the life of a tunnel it shows
}

// Fix is what to type at one of the gateways; either will do where there are two.
type Fix struct {
	Gateway  string
	Why      string // "" where the commands say it
	Commands []string
}

// Note is what was assumed, or not compared.
type Note struct {
	Text  string
	Lines []Quote
}

// The order of findings is that in which IKE meets them.
const (
	orderActive = iota
	orderPeer
	orderRoute
	orderPolicy
	orderKey
	orderIdentity
	orderProxy
	orderTransform
	orderPFS
	orderData
	orderLife
	orderLuck
)

// same says whether two findings are one, met in two directions or tunnels.
func (f *Finding) same(o *Finding) bool {
	return f.Kind == o.Kind && f.Cause == o.Cause && f.Summary == o.Summary && slices.Equal(f.Lines, o.Lines)
}

// add notes a finding about some tunnels, which cannot be begun, or answer
// nothing, by the ends that it says.
func (p *Pair) add(f Finding, tunnels ...*Tunnel) {
	for _, t := range tunnels {
		for way := range 2 {
			t.stopped[way] = t.stopped[way] || f.Stops[way]
			t.mute[way] = t.mute[way] || f.Mute[way]
			if f.Beyond[way] && t.beyond[way] == "" {
				t.beyond[way] = f.Cause
			}
			if f.Stops[way] || f.Mute[way] {
				t.causes[way] = append(t.causes[way], f.Cause)
			}
		}
		f.Tunnels = append(f.Tunnels, t.Number)
	}
	for i := range p.Findings {
		if old := &p.Findings[i]; old.same(&f) {
			for way := range 2 {
				old.Stops[way] = old.Stops[way] || f.Stops[way]
				old.Mute[way] = old.Mute[way] || f.Mute[way]
				old.Beyond[way] = old.Beyond[way] || f.Beyond[way]
			}
			old.Tunnels = unique(append(old.Tunnels, f.Tunnels...))
			slices.Sort(old.Tunnels)
			for _, x := range f.Fix {
				if !slices.ContainsFunc(old.Fix, func(o Fix) bool { return o.Gateway == x.Gateway }) {
					old.Fix = append(old.Fix, x)
				}
			}
			return
		}
	}
	p.Findings = append(p.Findings, f)
}

func (p *Pair) note(n Note) {
	same := func(o Note) bool { return o.Text == n.Text && slices.Equal(o.Lines, n.Lines) }
	if !slices.ContainsFunc(p.NotCompared, same) {
		p.NotCompared = append(p.NotCompared, n)
	}
}

// sort puts the findings in order: mismatches first, then by where they show.
func (p *Pair) sort() {
	slices.SortStableFunc(p.Findings, func(a, b Finding) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		return a.order - b.order
	})
}
