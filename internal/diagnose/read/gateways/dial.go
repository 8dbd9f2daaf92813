package gateways

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// dialCodes are what the errors of Windows's dialer mean.
var dialCodes = map[string]diagnose.Observation{
	"691":   userRefused,
	"787":   keyDiffers,
	"788":   offersRefused,
	"790":   p1(diagnose.IssuerUnknown, 5),
	"868":   p1(diagnose.NameUnknown, 0),
	"13801": p1(diagnose.IssuerUnknown, 5),
	"13806": p1(diagnose.ProofMissing, 5),
	"13868": offersRefused,
}

// dialCode is the number that the dialer ends with.
func dialCode(x *read.Context, hit *read.Match) {
	switch code := strings.Trim(hit.Hole("code"), ". "); code {
	case "789":
		dialCode789(x, hit)
	case "792", "800", "809", "13805":
		o := p1(diagnose.MessageSent, 1)
		o.Role = diagnose.Initiator
		x.Tell(o)
		o.Kind = diagnose.GaveUp
		x.Tell(o)
	default:
		if o, known := dialCodes[code]; known {
			tell(x, o)
		}
	}
}

// dialCode789 is a negotiation that the peer has answered and that failed: the keys
// differ, as a rule.
func dialCode789(x *read.Context, _ *read.Match) {
	o := p1(diagnose.RefusedUnread, 5)
	o.Role = diagnose.Initiator
	x.Tell(o)
}
