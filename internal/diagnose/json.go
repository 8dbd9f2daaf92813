package diagnose

import (
	"cmp"
	"encoding/json"
	"time"
)

// The members of a report in JSON. Their names do not change.
type (
	findingJSON struct {
		Cause        Cause          `json:"cause"`
		Certainty    string         `json:"certainty"`
		Phase        string         `json:"phase"`
		Message      int            `json:"message,omitempty"`
		Peer         string         `json:"peer"`
		Local        string         `json:"local"`
		Time         string         `json:"time,omitempty"`
		Summary      string         `json:"summary"`
		Evidence     []evidenceJSON `json:"evidence"`
		Alternatives []Cause        `json:"alternatives"`
		Tell         string         `json:"tell"`
		Fix          []fixJSON      `json:"fix"`
	}
	evidenceJSON struct {
		Source string `json:"source,omitempty"`
		Line   int    `json:"line,omitempty"`
		Time   string `json:"time,omitempty"`
		Times  int    `json:"times,omitempty"`
		Text   string `json:"text"`
	}
	fixJSON struct {
		Where    string   `json:"where"`
		System   string   `json:"system"`
		Text     string   `json:"text,omitempty"`
		Commands []string `json:"commands"`
	}
	noteJSON struct {
		Cause    Cause          `json:"cause,omitempty"`
		Peer     string         `json:"peer"`
		Summary  string         `json:"summary"`
		Evidence []evidenceJSON `json:"evidence"`
	}
	reportJSON struct {
		Findings []findingJSON `json:"findings"`
		Harmless []noteJSON    `json:"harmless"`
	}
)

const timeJSON = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON is {"findings": [...], "harmless": [...]}, the most important
// finding first; empty lists where there is nothing to say. A phase is "phase
// 1", "phase 2" and so on, and "" where a finding belongs to none.
func (r Report) MarshalJSON() ([]byte, error) {
	out := reportJSON{Findings: []findingJSON{}, Harmless: []noteJSON{}}
	for i := range r.Findings {
		out.Findings = append(out.Findings, jsonOf(&r.Findings[i]))
	}
	for _, n := range r.Notes {
		out.Harmless = append(out.Harmless, noteJSON{n.Cause, addrText(n.Peer), n.Summary, evidenceOf(n.Evidence)})
	}
	return json.Marshal(out)
}

func jsonOf(f *Finding) findingJSON {
	out := findingJSON{Cause: f.Cause, Certainty: f.Certainty.String(), Phase: f.Phase.String(), Message: f.Message,
		Peer: cmp.Or(addrText(f.Peer), f.Name), Local: addrText(f.Local), Summary: f.Summary, Evidence: evidenceOf(f.Evidence),
		Alternatives: append([]Cause{}, f.Alternatives...), Tell: f.Tell, Fix: []fixJSON{}}
	if dated(f.Time) {
		out.Time = f.Time.UTC().Format(timeJSON)
	}
	for _, x := range f.Fix {
		out.Fix = append(out.Fix, fixJSON{x.Where.String(), x.System.String(), x.Text, append([]string{}, x.Commands...)})
	}
	return out
}

func evidenceOf(list []Evidence) []evidenceJSON {
	out := []evidenceJSON{}
	for _, e := range list {
		j := evidenceJSON{Source: e.Source, Line: e.Line, Times: e.Times, Text: e.Text}
		if dated(e.Time) {
			j.Time = e.Time.UTC().Format(timeJSON)
		}
		out = append(out, j)
	}
	return out
}

// dated says whether a time is one: a log may name times without a year, which
// only order what happened.
func dated(t time.Time) bool { return t.Year() > 1900 }
