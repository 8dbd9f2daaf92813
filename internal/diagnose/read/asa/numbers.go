package asa

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// numbers are messages known by their number where their words are not.
var numbers = []read.Phrase{
	number("713022", diagnose.KeyMissing, diagnose.Phase1, 1), number("713138", diagnose.KeyMissing, diagnose.Phase1, 1),
	number("713020", diagnose.GroupMissing, diagnose.Phase1, 1), number("713255", diagnose.GroupMissing, diagnose.Phase1, 1),
	number("713048", diagnose.AllOffersRefused, diagnose.Phase1, 1), number("713047", diagnose.AllOffersRefused, diagnose.Phase1, 1),
	number("713061", diagnose.ProxyRefused, diagnose.Phase2, 1), number("713032", diagnose.ProxyRefused, diagnose.Phase2, 1),
	number("713033", diagnose.ProxyRefused, diagnose.Phase2, 1), number("713259", diagnose.ProxyRefused, diagnose.Phase2, 1),
	number("713118", diagnose.PFSRefused, diagnose.Phase2, 1),
	number("713166", diagnose.XauthRejected, diagnose.PhaseConfig, 0), number("713167", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	number("713198", diagnose.XauthRejected, diagnose.PhaseConfig, 0), number("713127", diagnose.XauthUnexpected, diagnose.PhaseConfig, 0),
	number("713132", diagnose.PoolEmpty, diagnose.PhaseConfig, 0), number("713123", diagnose.PeerDead, diagnose.PhaseLife, 0),
	number("713191", diagnose.AdmissionLimit, diagnose.Phase1, 1), number("713276", diagnose.AdmissionLimit, diagnose.Phase1, 1),
	number("713084", diagnose.Malformed, diagnose.Phase1, 5), number("713085", diagnose.Malformed, diagnose.Phase1, 5),
	number("713102", diagnose.Malformed, diagnose.Phase1, 5), number("713105", diagnose.Malformed, diagnose.Phase1, 5),
	number("713193", diagnose.Malformed, diagnose.Phase1, 1), number("713117", diagnose.InvalidSPITold, diagnose.PhaseLife, 0),
	number("717009", diagnose.IssuerUnknown, diagnose.Phase1, 5), number("717027", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	number("717010", diagnose.CRLMissing, diagnose.Phase1, 5), number("717012", diagnose.CRLMissing, diagnose.Phase1, 5),
	number("717002", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0), number("717017", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	number("402114", diagnose.InvalidSPI, diagnose.PhaseLife, 0), number("713263", diagnose.KindNone, diagnose.Phase1, 0),
}

// number is a message of any severity.
func number(n string, kind diagnose.Kind, phase diagnose.Phase, message int) read.Phrase {
	p := read.Says("-"+n+":", kind, phase, message)
	p.Weak = true
	return p
}
