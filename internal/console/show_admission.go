package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/trace"
)

// Admission is show crypto call admission statistics.
type Admission struct {
	MaxSAs          int    `json:"max_ike_sas"`        // 0: any number
	MaxNegotiating  int    `json:"max_in_negotiation"` // of either stage before the peer is proven
	Active          int    `json:"active"`
	Negotiating     int    `json:"negotiating"`
	InAccepted      uint64 `json:"incoming_accepted"`
	InRejected      uint64 `json:"incoming_rejected"`
	OutAccepted     uint64 `json:"outgoing_accepted"`
	OutRejected     uint64 `json:"outgoing_rejected"`
	Evicted         uint64 `json:"evicted"` // let in, and thrown out for newer ones
	DroppedAtLimits uint64 `json:"dropped_at_limits"`
	Stubs           uint64 `json:"answered_without_record"` // in a flood: ike.Floods
	Returned        uint64 `json:"came_back"`
	ByRate          uint64 `json:"refused_by_rate"`
	ByPrefix        uint64 `json:"refused_by_prefix"`
	Unseen          uint64 `json:"unseen"`
	Strays          uint64 `json:"of_no_sa"`
	Fragments       uint64 `json:"fragments"`
	ESP             uint64 `json:"esp_of_no_sa"`
}

func admission(r Router) Admission {
	i, s := r.Config().ISAKMP, r.Statistics()
	a, f := s.Admissions, s.Floods
	v := Admission{MaxSAs: i.MaxSAs, MaxNegotiating: i.MaxNegotiating, InAccepted: a.In, InRejected: a.InRejected, OutAccepted: a.Out, OutRejected: a.OutRejected,
		Evicted: s.Evicted, DroppedAtLimits: s.Dropped[trace.DropLimit],
		Stubs: f.Stubs, Returned: f.Returned, ByRate: f.ByRate, ByPrefix: f.ByPrefix, Unseen: f.Overrun,
		Strays: f.Strays, Fragments: f.Fragments, ESP: f.ESP}
	if v.MaxNegotiating == 0 {
		v.MaxNegotiating = ike.DefaultMaxHalfOpen
	}
	for _, sa := range r.ISAKMPSAs() {
		switch {
		case sa.Dead:
		case sa.Show == trace.QMIdle:
			v.Active++
		default:
			v.Negotiating++
		}
	}
	return v
}

// Text is IOS's table. Those that were thrown out for newer ones stand where it has
// those that are refused for want of room.
func (v Admission) Text() string {
	const rule = "---------------------------------------------------------------------\n"
	var b strings.Builder
	b.WriteString(rule + "               Crypto Call Admission Control Statistics\n" + rule)
	fmt.Fprintf(&b, "System Resource Limit: %8d Max IKE SAs: %5d Max in nego: %5d\n", 0, v.MaxSAs, v.MaxNegotiating)
	fmt.Fprintf(&b, "Total IKE SA Count:    %8d active:      %5d negotiating: %5d\n", v.Active+v.Negotiating, v.Active, v.Negotiating)
	fmt.Fprintf(&b, "Incoming IKE Requests: %8d accepted:    %5d rejected:    %5d\n", v.InAccepted+v.InRejected, v.InAccepted, v.InRejected)
	fmt.Fprintf(&b, "Outgoing IKE Requests: %8d accepted:    %5d rejected:    %5d\n", v.OutAccepted+v.OutRejected, v.OutAccepted, v.OutRejected)
	rejected := v.InRejected + v.OutRejected
	fmt.Fprintf(&b, "Rejected IKE Requests: %8d rsrc low:    %5d Active SA limit: %d\n", rejected+v.Evicted, 0, rejected)
	fmt.Fprintf(&b, "%50s In-neg SA limit: %d\n", "", v.Evicted)
	fmt.Fprintf(&b, "IKE packets dropped at dispatch: %8d\n", v.DroppedAtLimits)
	if v.Stubs+v.ByRate+v.ByPrefix+v.Unseen > 0 { // IOS has nothing of the kind
		fmt.Fprintf(&b, "Floods of first messages, answered without a record: %d, of which came back: %d\n", v.Stubs, v.Returned)
		fmt.Fprintf(&b, "%25s refused by rate: %d by prefix: %d, not looked at: %d\n", "", v.ByRate, v.ByPrefix, v.Unseen)
	}
	if v.Strays+v.Fragments+v.ESP > 0 {
		fmt.Fprintf(&b, "Floods of messages of no SA: %d, of fragments of first messages: %d, of ESP of no SA: %d\n", v.Strays, v.Fragments, v.ESP)
	}
	return b.String()
}

func clearAdmission(r Router, _ config.Args) (View, error) {
	r.ClearAdmission()
	return Cleared{Cleared: "call admission statistics"}, nil
}
