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
}

func admission(r Router) Admission {
	i, s := r.Config().ISAKMP, r.Statistics()
	a := s.Admissions
	v := Admission{MaxSAs: i.MaxSAs, MaxNegotiating: i.MaxNegotiating, InAccepted: a.In, InRejected: a.InRejected, OutAccepted: a.Out, OutRejected: a.OutRejected,
		Evicted: s.Evicted, DroppedAtLimits: s.Dropped[trace.DropLimit]}
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
	return b.String()
}

func clearAdmission(r Router, _ config.Args) (View, error) {
	r.ClearAdmission()
	return Cleared{Cleared: "call admission statistics"}, nil
}
