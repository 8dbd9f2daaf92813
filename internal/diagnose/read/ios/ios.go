// Package ios reads what Cisco IOS prints: debugs, syslog and shows.
package ios

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is Cisco IOS.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "Cisco IOS",
		Marks:   []string{"ISAKMP:", "ISAKMP (", "%CRYPTO-"},
		Phrases: phase1,
	}
}

var phase1 = []read.Phrase{
	{Text: "Encryption algorithm offered does not match policy", Tell: diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 1, Attr: diagnose.AttrEncryption}},
	read.Says("phase 1 SA policy not acceptable! (local {local} remote {peer})", diagnose.AllOffersRefused, diagnose.Phase1, 1),
	read.Says("no offers accepted!", diagnose.AllOffersRefused, diagnose.Phase1, 1),
	read.Says("IKE message from {peer} failed its sanity check or is malformed", diagnose.Undecryptable, diagnose.Phase1, 5),
}
