package compare

import (
	"fmt"
	"slices"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// compare judges two entries that are meant for each other, whatever they
// protect.
func (p *Pair) compare(m *meeting) {
	for end := range 2 {
		p.compareActive(m, end)
		p.comparePeer(m, end)
		p.compareRoute(m, end)
	}
	p.comparePolicies(m)
	if !p.proveOtherwise() {
		p.compareKeys(m)
	}
	for end := range 2 {
		p.compareIdentities(m, end)
		p.compareAggressive(m, end)
	}
	p.compareVersions(m)
	for end := range 2 {
		p.compareXauth(m, end)
	}
	p.luckOfMeeting(m)
}

// agreement is a policy of each end that are alike.
type agreement struct{ own [2]policy.IKE }

// agree is what phase 1 that an end begins agrees on: the first of its policies
// that the other end has too.
func (p *Pair) agree(end int) (a agreement, ok bool) {
	for _, offer := range p.usable(end) {
		for _, x := range p.usable(1 - end) {
			if _, ok := x.Match(offered(offer)); ok {
				a.own[end], a.own[1-end] = offer, x
				return a, true
			}
		}
	}
	return a, false
}

func offered(p policy.IKE) policy.IKEOffer { return policy.ParseIKEOffer(p.Transform(1)) }

// usable are an end's policies with pre-shared keys: others are neither offered
// nor taken.
func (p *Pair) usable(end int) (all []policy.IKE) {
	for _, x := range p.Ends[end].plan.Policies {
		if x.Auth == isakmp.AuthPSK {
			all = append(all, x)
		}
	}
	return all
}

// comparePolicies looks for a policy that both ends have, and for what differs
// between those that are nearest to each other where there is none.
func (p *Pair) comparePolicies(m *meeting) {
	first, ok := p.agree(0)
	if !ok {
		p.policiesDiffer(m)
		return
	}
	second, _ := p.agree(1)
	for end := range 2 {
		if a := [2]agreement{first, second}[end]; a.own[0].Lifetime != a.own[1].Lifetime && (end == 0 || first.own != second.own) {
			p.lifeDiffers(m, a)
		}
	}
	if suite(first.own[0]) != suite(second.own[0]) {
		p.add(Finding{Kind: Luck, Cause: diagnose.Phase1PolicyMismatch, order: orderPolicy,
			Summary: fmt.Sprintf("who begins decides the algorithms of phase 1: %s if %s does, %s if %s does; the order of the policies differs",
				suite(first.own[0]), p.Ends[0].Name, suite(second.own[0]), p.Ends[1].Name),
			Lines: p.policyQuotes("", first, second)}, m.tunnels...)
	}
}

// policyQuotes are the lines of a part of each policy of some agreements.
func (p *Pair) policyQuotes(part string, all ...agreement) (lines []Quote) {
	for end := range 2 {
		for _, a := range all {
			if q := p.policyQuote(end, a.own[end], part); !slices.Contains(lines, q) {
				lines = append(lines, q)
			}
		}
	}
	return lines
}

// policyQuote is the line of a policy's part. A part that is left at its default
// is quoted by the policy's first line.
func (p *Pair) policyQuote(end int, x policy.IKE, part string) Quote {
	f := p.Ends[end].File
	l, whole := f.source.Policy(int(x.Priority), part), f.source.Policy(int(x.Priority), "")
	if part != "" && l == whole {
		return f.quote(l, "by default: "+policyWord(x, part))
	}
	return f.quote(l, "")
}

// policyWord is a part of a policy as its line.
func policyWord(x policy.IKE, part string) string {
	switch part {
	case "encryption":
		return "encr " + config.EncryptionName(x.Encryption, x.KeyBits)
	case "hash":
		return "hash " + config.HashName(x.Hash)
	case "group":
		return "group " + itoa(int(x.Group))
	case "authentication":
		return "authentication " + config.AuthName(x.Auth)
	}
	return "lifetime " + itoa(int(x.Lifetime))
}

// policyParts are what two policies can differ in, in the order of comparison.
var policyParts = []string{"encryption", "hash", "group", "authentication"}

func differing(a, b policy.IKE) (parts []string) {
	for _, part := range policyParts {
		if policyWord(a, part) != policyWord(b, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// proveOtherwise says whether all that both ends could agree on is another
// authentication than by pre-shared keys.
func (p *Pair) proveOtherwise() bool {
	if _, ok := p.agree(0); ok || len(p.Ends[0].plan.Policies) == 0 || len(p.Ends[1].plan.Policies) == 0 {
		return false
	}
	a, b := nearestPolicies(p.Ends[0].plan.Policies, p.Ends[1].plan.Policies)
	return len(differing(a, b)) == 0
}

// policiesDiffer tells what keeps the two policies apart that differ least.
func (p *Pair) policiesDiffer(m *meeting) {
	f := Finding{Cause: diagnose.Phase1PolicyMismatch, Stops: both, order: orderPolicy}
	var none []string
	for end, g := range p.Ends {
		if len(g.plan.Policies) == 0 {
			none = append(none, g.Name)
			f.Lines = append(f.Lines, g.File.none("no `crypto isakmp policy`"))
			f.Fix = append(f.Fix, Fix{g.Name, "as " + p.Ends[1-end].Name, policyLines(p.Ends[1-end].plan.Policies)})
			continue
		}
		f.Lines = append(f.Lines, p.policyQuote(end, g.plan.Policies[0], ""))
	}
	if len(none) > 0 {
		f.Summary = list(none) + " has no ISAKMP policy"
		if len(none) == 2 {
			f.Summary, f.Fix = "neither end has an ISAKMP policy", nil
		}
		p.add(f, m.tunnels...)
		return
	}
	a, b := nearestPolicies(p.Ends[0].plan.Policies, p.Ends[1].plan.Policies)
	nearest := agreement{[2]policy.IKE{a, b}}
	parts := differing(a, b)
	var words [2][]string
	f.Lines = nil
	for _, part := range parts {
		words[0], words[1] = append(words[0], policyWord(a, part)), append(words[1], policyWord(b, part))
		f.Lines = append(f.Lines, p.policyQuotes(part, nearest)...)
	}
	if len(parts) == 0 { // alike, and neither is for pre-shared keys
		p.otherAuth(m, nearest)
		return
	}
	f.Summary = fmt.Sprintf("no policy of one end is one of the other's; of the two that are nearest, policy %d of %s has %s, and policy %d of %s has %s",
		a.Priority, p.Ends[0].Name, list(words[0]), b.Priority, p.Ends[1].Name, list(words[1]))
	f.Fix = []Fix{p.policyFix(0, a, b, parts), p.policyFix(1, b, a, parts)}
	p.add(f, m.tunnels...)
	if a.Lifetime != b.Lifetime {
		p.lifeDiffers(m, nearest)
	}
}

// policyFix makes a policy as the other end's.
func (p *Pair) policyFix(end int, own, other policy.IKE, parts []string, why ...string) Fix {
	commands := []string{"crypto isakmp policy " + itoa(int(own.Priority))}
	for _, part := range parts {
		commands = append(commands, " "+policyWord(other, part))
	}
	return Fix{p.Ends[end].Name, strings.Join(why, ""), commands}
}

func policyLines(list []policy.IKE) (lines []string) {
	for _, x := range list {
		lines = append(lines, "crypto isakmp policy "+itoa(int(x.Priority)))
		for _, part := range policyParts {
			lines = append(lines, " "+policyWord(x, part))
		}
	}
	return lines[:min(len(lines), maxQuotes)]
}

func nearestPolicies(as, bs []policy.IKE) (a, b policy.IKE) {
	best := len(policyParts) + 2
	for _, x := range as {
		for _, y := range bs {
			n := len(differing(x, y))
			// Two of pre-shared keys are nearer than any that cannot be used.
			if x.Auth != isakmp.AuthPSK || y.Auth != isakmp.AuthPSK {
				n++
			}
			if n < best {
				a, b, best = x, y, n
			}
		}
	}
	return a, b
}

// otherAuth tells of policies that are alike, and for another authentication than
// by pre-shared keys.
func (p *Pair) otherAuth(m *meeting, a agreement) {
	if without := p.withoutTrustpoint(a.own[0].Auth); len(without) > 0 {
		f := Finding{Cause: diagnose.Phase1PolicyMismatch, Stops: both, order: orderPolicy, Lines: p.policyQuotes("authentication", a),
			Summary: "no policy that both ends have can be used: " + list(without) + have(without) + " no trustpoint, and so no certificate"}
		for end, g := range p.Ends {
			f.Fix = append(f.Fix, p.policyFix(end, a.own[end], policy.IKE{Auth: isakmp.AuthPSK}, policyParts[3:], "at both ends"))
			if slices.Contains(without, g.Name) {
				f.Fix = append(f.Fix, Fix{g.Name, "or a certificate", []string{"crypto pki trustpoint NAME", " enrollment url http://CA"}})
			}
		}
		p.add(f, m.tunnels...)
	}
	p.note(Note{"Both ends could agree on authentication by " + config.AuthName(a.own[0].Auth) + ", whose certificates and keys are not compared",
		p.policyQuotes("authentication", a)})
	p.unknown(m)
}

// lifeDiffers tells of the lifetimes of an ISAKMP SA.
func (p *Pair) lifeDiffers(m *meeting, a agreement) {
	shorter := min(a.own[0].Lifetime, a.own[1].Lifetime)
	p.add(Finding{Cause: diagnose.LifetimeMismatch, order: orderLife, Lines: p.policyQuotes("lifetime", a),
		Summary: fmt.Sprintf("the ISAKMP SA lives %s at %s and %s at %s; the shorter life is used, which is harmless with most peers: both ends renew after %s",
			seconds(a.own[0].Lifetime), p.Ends[0].Name, seconds(a.own[1].Lifetime), p.Ends[1].Name, seconds(shorter)),
		Fix: []Fix{p.policyFix(0, a.own[0], a.own[1], []string{"lifetime"}), p.policyFix(1, a.own[1], a.own[0], []string{"lifetime"})}}, m.tunnels...)
}

// withoutTrustpoint are the ends that a method by signatures is configured for, and
// that have no trustpoint.
func (p *Pair) withoutTrustpoint(method isakmp.AuthMethod) (names []string) {
	if method != isakmp.AuthRSASig && method != isakmp.AuthECDSA256 {
		return nil
	}
	for _, g := range p.Ends {
		if len(g.Config.Trustpoints) == 0 {
			names = append(names, g.Name)
		}
	}
	return names
}

// have is the verb for some ends.
func have(names []string) string {
	if len(names) > 1 {
		return " have"
	}
	return " has"
}
