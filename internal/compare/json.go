package compare

import (
	"encoding/json"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
)

// The members of a comparison in JSON. Their names do not change.
type (
	comparisonJSON struct {
		OK       bool          `json:"ok"`
		Gateways []gatewayJSON `json:"gateways"`
		Pairs    []pairJSON    `json:"pairs"`
		Weak     []findingJSON `json:"weak"`
		Alone    []string      `json:"alone"`
	}
	gatewayJSON struct {
		Name    string     `json:"name"`
		File    string     `json:"file"`
		Assumed []noteJSON `json:"assumed"`
	}
	pairJSON struct {
		Gateways    [2]string     `json:"gateways"`
		Tunnels     []tunnelJSON  `json:"tunnels"`
		Findings    []findingJSON `json:"findings"`
		NotCompared []noteJSON    `json:"not_compared"`
	}
	tunnelJSON struct {
		Number  int       `json:"tunnel"`
		Protect string    `json:"protects"`
		Entries [2]string `json:"entries"`
		Begun   []wayJSON `json:"begun"`
	}
	wayJSON struct {
		By        string          `json:"by"`
		ComesUp   bool            `json:"comes_up"`
		Passes    bool            `json:"passes"`
		Tried     bool            `json:"tried"`
		Known     bool            `json:"known"`
		Predicted bool            `json:"predicted"`
		Cause     diagnose.Cause  `json:"cause,omitempty"`
		Beyond    diagnose.Cause  `json:"beyond_the_lab,omitempty"`
		Phase1    *phase1JSON     `json:"phase1,omitempty"`
		Phase2    *phase2JSON     `json:"phase2,omitempty"`
		Lab       json.RawMessage `json:"lab,omitempty"`
	}
	phase1JSON struct {
		Encryption     string `json:"encryption"`
		Hash           string `json:"hash"`
		Group          int    `json:"group"`
		Authentication string `json:"authentication"`
		Seconds        uint32 `json:"lifetime_seconds"`
	}
	phase2JSON struct {
		Transforms string `json:"transforms"`
		Mode       string `json:"mode"`
		UDP        bool   `json:"udp_encapsulation"`
		PFS        int    `json:"pfs_group"`
		Seconds    uint32 `json:"lifetime_seconds"`
		Kilobytes  uint32 `json:"lifetime_kilobytes"`
	}
	findingJSON struct {
		Kind    string         `json:"kind"`
		Cause   diagnose.Cause `json:"cause,omitempty"`
		Summary string         `json:"summary"`
		Stops   []string       `json:"stops_begun_by"`
		Mute    []string       `json:"no_answers_begun_by"`
		Tunnels []int          `json:"tunnels"`
		Lines   []lineJSON     `json:"lines"`
		Fix     []fixJSON      `json:"fix"`
	}
	lineJSON struct {
		File string `json:"file"`
		Line int    `json:"line,omitempty"`
		Text string `json:"text,omitempty"`
		Note string `json:"note,omitempty"`
	}
	fixJSON struct {
		Gateway  string   `json:"gateway"`
		Why      string   `json:"why,omitempty"`
		Commands []string `json:"commands"`
	}
	noteJSON struct {
		Text  string     `json:"text"`
		Lines []lineJSON `json:"lines"`
	}
)

// MarshalJSON has the same as Text; lists are never null.
func (c *Comparison) MarshalJSON() ([]byte, error) {
	out := comparisonJSON{OK: c.OK(), Gateways: []gatewayJSON{}, Pairs: []pairJSON{}, Weak: []findingJSON{}, Alone: []string{}}
	for _, g := range c.Gateways {
		out.Gateways = append(out.Gateways, gatewayJSON{g.Name, g.File.Name, notesJSON(g.Assumed)})
	}
	for _, p := range c.Pairs {
		j, err := p.json()
		if err != nil {
			return nil, err
		}
		out.Pairs = append(out.Pairs, j)
	}
	for i := range c.Weak {
		f := c.Weak[i].json([2]string{})
		f.Cause = ""
		out.Weak = append(out.Weak, f)
	}
	for _, g := range c.Alone {
		out.Alone = append(out.Alone, g.Name)
	}
	return json.Marshal(out)
}

func (p *Pair) json() (j pairJSON, err error) {
	names := [2]string{p.Ends[0].Name, p.Ends[1].Name}
	j = pairJSON{Gateways: names, Tunnels: []tunnelJSON{}, Findings: []findingJSON{}, NotCompared: notesJSON(p.NotCompared)}
	for _, t := range p.Tunnels {
		x := tunnelJSON{t.Number, t.Protect, t.Entries, []wayJSON{}}
		for _, w := range t.Ways {
			if w == nil {
				continue
			}
			way, err := w.json()
			if err != nil {
				return j, err
			}
			x.Begun = append(x.Begun, way)
		}
		j.Tunnels = append(j.Tunnels, x)
	}
	for i := range p.Findings {
		j.Findings = append(j.Findings, p.Findings[i].json(names))
	}
	return j, nil
}

func (w *Way) json() (j wayJSON, err error) {
	j = wayJSON{By: w.From.Name, ComesUp: w.Up, Passes: w.Passes, Known: w.Known, Predicted: w.Up, Cause: w.Cause, Beyond: w.Beyond}
	o := w.Outcome
	if o == nil {
		return j, nil
	}
	j.Tried, j.ComesUp, j.Passes = true, o.Up, o.Passes && o.Returns
	if !o.Up {
		if w.Cause == "" {
			j.Lab, err = json.Marshal(o.Diagnosis)
		}
		return j, err
	}
	j.Phase1 = &phase1JSON{config.EncryptionName(o.Phase1.Encryption, o.Phase1.KeyBits), config.HashName(o.Phase1.Hash), int(o.Phase1.Group),
		config.AuthName(o.Phase1.Auth), o.Phase1.Lifetime}
	j.Phase2 = &phase2JSON{transforms(o.Transform), modeWord(o.Transform.Transport), o.NAT, int(o.PFS), o.Lives.Seconds, o.Lives.Kilobytes}
	return j, nil
}

func (f *Finding) json(names [2]string) findingJSON {
	j := findingJSON{Kind: f.Kind.String(), Cause: f.Cause, Summary: f.Summary, Stops: []string{}, Mute: []string{}, Tunnels: append([]int{}, f.Tunnels...),
		Lines: linesJSON(f.Lines), Fix: []fixJSON{}}
	for end := range 2 {
		if f.Stops[end] {
			j.Stops = append(j.Stops, names[end])
		}
		if f.Mute[end] {
			j.Mute = append(j.Mute, names[end])
		}
	}
	for _, x := range f.Fix {
		j.Fix = append(j.Fix, fixJSON{x.Gateway, x.Why, x.Commands})
	}
	return j
}

func linesJSON(lines []Quote) []lineJSON {
	out := []lineJSON{}
	for _, q := range lines {
		out = append(out, lineJSON{q.File, q.Line, q.Text, q.Note})
	}
	return out
}

func notesJSON(notes []Note) []noteJSON {
	out := []noteJSON{}
	for _, n := range notes {
		out = append(out, noteJSON{n.Text, linesJSON(n.Lines)})
	}
	return out
}
