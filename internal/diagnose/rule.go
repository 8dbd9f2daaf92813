package diagnose

// rule is one thing that a diagnosis knows. It sees one case, and yields at most
// one finding.
type rule struct {
	name  string
	cause Cause // the one that it names first, for the documentation
	needs []Kind
	// atMost is the greatest certainty of its findings.
	atMost Certainty
	weight weight
	judge  func(*Case) *Finding
}

// noteRule is a rule about what is harmless.
type noteRule struct {
	name  string
	needs []Kind
	judge func(*Case) *Note
}

// rules is every rule. Their order decides nothing but which of two equal
// findings comes first.
var rules = join(
	localRules, phase1Rules, authRules, nonceRules, aggressiveRules, silenceRules, phase2Rules, lifeRules, dataRules, trafficRules, remoteAccessRules, certificateRules, platformRules, captureRules,
)

func join(families ...[]rule) (all []rule) {
	for _, f := range families {
		all = append(all, f...)
	}
	return all
}

// find makes a finding of what it stands on: the last of the observations says
// when, where in the exchange and about what.
func find(cause Cause, c Certainty, on Part, summary string) *Finding {
	f := &Finding{Cause: cause, Certainty: c, Summary: summary}
	if last := on.Last(); last != nil {
		f.about, f.Phase, f.Message, f.Time = last, last.Phase, last.Message, last.Time
	}
	f.Evidence = quote(on)
	return f
}

// or adds what would look the same, and how to tell.
func (f *Finding) or(tell string, others ...Cause) *Finding {
	f.Tell = tell
	f.Alternatives = append(f.Alternatives, others...)
	return f
}

// in sets where in the life of a tunnel the finding belongs.
func (f *Finding) in(p Phase, message int) *Finding {
	f.Phase, f.Message = p, message
	return f
}

// mended marks what stopped the last negotiation, and is so no more.
func (f *Finding) mended(was string) *Finding {
	f.Certainty, f.Summary = Possible, was+". It is mended since, and nothing has tried again"
	return f.or("Send a packet from the protected network: the next negotiation shows whether anything else is wrong.", NoFault)
}

// maxEvidence bounds what a finding quotes: the first, and the last ones.
const maxEvidence = 6

// quote takes the evidence of observations, each text once.
func quote(on Part) []Evidence {
	var all []Evidence
	at := make(map[string]int)
	for _, o := range on {
		e := o.Evidence
		if e.Text == "" {
			continue
		}
		if i, seen := at[e.Text]; seen {
			all[i].Times = max(all[i].Times, 1) + 1
			continue
		}
		at[e.Text] = len(all)
		all = append(all, e)
	}
	if len(all) <= maxEvidence {
		return all
	}
	return append(all[:1:1], all[len(all)-maxEvidence+1:]...)
}
