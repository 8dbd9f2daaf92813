package explain

import (
	"encoding/json"

	"qmidle/internal/diagnose"
)

type (
	differenceJSON struct {
		Same  int       `json:"same"`
		Good  *partJSON `json:"good"`
		Bad   *partJSON `json:"bad"`
		Lines []string  `json:"lines"`
	}
	partJSON struct {
		Source string `json:"source"`
		Line   int    `json:"line"`
		Text   string `json:"text"`
	}
	sourceJSON struct {
		Name       string   `json:"name"`
		Lines      int      `json:"lines"`
		Understood int      `json:"understood"`
		Formats    []string `json:"formats"`
		Remarks    []string `json:"remarks"`
	}
	peerJSON struct {
		Source string `json:"source"`
		Peer   string `json:"peer"`
		Phase1 string `json:"phase1"`
		Phase2 string `json:"phase2"`
	}
)

// MarshalJSON is the report's object with "sources" and "peers" besides, and
// "baseline" where there is one.
func (e *Explanation) MarshalJSON() ([]byte, error) {
	report, err := json.Marshal(e.Report)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(report, &members); err != nil {
		return nil, err
	}
	for k, v := range members {
		out[k] = v
	}
	sources, peers := []sourceJSON{}, []peerJSON{}
	for _, s := range e.Sources {
		sources = append(sources, sourceJSON{s.Name, s.Lines, s.Understood, append([]string{}, s.Formats...), append([]string{}, s.Remarks...)})
	}
	for _, p := range e.Peers {
		addr := p.Name
		if p.Addr.IsValid() {
			addr = p.Addr.String()
		}
		peers = append(peers, peerJSON{p.Source, addr, p.Phase1, p.Phase2})
	}
	out["sources"], out["peers"] = sources, peers
	if d := e.Baseline; d != nil {
		out["baseline"] = differenceJSON{d.Same, partOf(d.Good), partOf(d.Bad), append([]string{}, d.Lines...)}
	}
	return json.Marshal(out)
}

// Plain is the report without the harmless notes that nobody asked for.
func (e *Explanation) Plain() {
	e.Report = diagnose.Report{Findings: e.Findings}
}

func partOf(e *diagnose.Evidence) *partJSON {
	if e == nil {
		return nil
	}
	return &partJSON{e.Source, e.Line, e.Text}
}
