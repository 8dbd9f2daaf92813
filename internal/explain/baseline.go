package explain

import (
	"fmt"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
)

// Difference is what a log shows that a good one before it does not: the first
// place where the two part, and what was offered and accepted in each.
type Difference struct {
	Good, Bad *diagnose.Evidence // where they part; nil where one of them ends there
	// Same is how many steps the two have in common before they part.
	Same  int
	Lines []string // sentences about what is only in one of the two
}

// Compare holds a log of a failure against one of a success. Steps are compared
// by what they tell, without addresses, numbers, times and repetitions.
func Compare(good, bad *Source) *Difference {
	a, b := stepsOf(good), stepsOf(bad)
	d := &Difference{}
	for d.Same < len(a) && d.Same < len(b) && a[d.Same].key == b[d.Same].key {
		d.Same++
	}
	if d.Same < len(a) {
		d.Good = &a[d.Same].evidence
	}
	if d.Same < len(b) {
		d.Bad = &b[d.Same].evidence
	}
	if d.Good == nil && d.Bad == nil {
		return nil
	}
	d.offers(good, bad)
	return d
}

// step is an observation as it is compared.
type step struct {
	key      string
	evidence diagnose.Evidence
}

// compared are the kinds that are steps of a negotiation, in any log.
var compared = []diagnose.Kind{diagnose.MessageSent, diagnose.MessageReceived, diagnose.OfferRefused, diagnose.OfferAccepted, diagnose.AllOffersRefused, diagnose.KeyFound, diagnose.KeyMissing,
	diagnose.Undecryptable, diagnose.HashMismatch, diagnose.PeerAuthentic, diagnose.IdentityRefused, diagnose.SignatureInvalid, diagnose.RefusedUnread, diagnose.Phase1Up,
	diagnose.ProxyRefused, diagnose.TransformRefused, diagnose.PFSRefused, diagnose.Phase2OfferRefused, diagnose.QuickFailed, diagnose.Phase2Up, diagnose.NotifyReceived,
	diagnose.NATFound, diagnose.PortsFloated, diagnose.Retransmitted, diagnose.GaveUp, diagnose.XauthRejected, diagnose.PoolEmpty, diagnose.CertificateExpired,
	diagnose.CertificateEarly, diagnose.CertificateRevoked, diagnose.CRLMissing, diagnose.IssuerUnknown, diagnose.NoConnection, diagnose.NotEnabled, diagnose.OtherIKEVersion,
	diagnose.AggressiveMode, diagnose.Malformed}

// stepsOf are the steps of the last negotiation in a log that began there, each
// once.
func stepsOf(s *Source) []step {
	var all []step
	for i := range s.Observations {
		o := &s.Observations[i]
		if !slices.Contains(compared, o.Kind) {
			continue
		}
		if o.Phase == diagnose.Phase1 && o.Message == 1 && (o.Kind == diagnose.MessageSent || o.Kind == diagnose.MessageReceived) && over(all) {
			all = nil
		}
		key := fmt.Sprint(o.Kind, o.Phase, o.Message, o.Role, o.Attr, o.Detail)
		if len(all) > 0 && all[len(all)-1].key == key {
			continue
		}
		all = append(all, step{key, o.Evidence})
	}
	return all
}

// over says whether the negotiation before has come to anything: a first message
// after that begins another one.
func over(all []step) bool { return len(all) > 3 }

// offers says which of the offers and the traffic are in one log only.
func (d *Difference) offers(good, bad *Source) {
	for _, x := range []struct {
		only, other *Source
		words       string
	}{{good, bad, "only where it worked"}, {bad, good, "only where it fails"}} {
		had := valuesOf(x.other)
		for _, v := range valuesOf(x.only) {
			if !slices.Contains(had, v) && len(d.Lines) < 12 {
				d.Lines = append(d.Lines, x.words+": "+v)
			}
		}
	}
}

func valuesOf(s *Source) []string {
	var all []string
	add := func(what, v string) {
		if v != "" && !slices.Contains(all, what+v) {
			all = append(all, what+v)
		}
	}
	for i := range s.Observations {
		switch o := &s.Observations[i]; o.Kind {
		case diagnose.OfferAccepted:
			add("accepted for phase 1: ", o.Detail)
		case diagnose.OfferRefused:
			add("offered and refused for phase 1: "+o.Attr+" ", o.Offered)
		case diagnose.TransformRefused, diagnose.PFSRefused:
			add("offered and refused for phase 2: "+o.Attr+" ", o.Offered)
		case diagnose.Phase2Up, diagnose.ProxyRefused, diagnose.QuickFailed:
			add("traffic: ", o.Pair)
		case diagnose.NATFound:
			add("a NAT: ", o.Detail)
		}
	}
	return all
}

// text is the difference for people.
func (d *Difference) text(b *strings.Builder) {
	at := func(what string, e *diagnose.Evidence) {
		if e == nil {
			fmt.Fprintf(b, "    %s: ends there\n", what)
			return
		}
		fmt.Fprintf(b, "    %s: %s:%d: %s\n", what, e.Source, e.Line, e.Text)
	}
	diagnose.Wrap(b, "", fmt.Sprintf("Against the good log: %s in common, then the two part.", plural(d.Same, "step", "steps")))
	at("worked", d.Good)
	at("fails", d.Bad)
	for _, l := range d.Lines {
		fmt.Fprintf(b, "    %s\n", l)
	}
	b.WriteByte('\n')
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
