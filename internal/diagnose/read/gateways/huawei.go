package gateways

import (
	"bytes"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// huawei is the syslog of VRP and its table of `display ike error-info`, which give
// reasons in the same words: behind "Reason=" there, and here between the peer's port
// and the version.
func huawei() *read.Vendor {
	v := &read.Vendor{
		Name:  "Huawei",
		Marks: []string{"error-reason", "IKE_NEGO_FAIL", "IPSECNEGOFAIL", "%%01IKE/", "%%01IPSEC/"},
		Begin: func(x *read.Context) {
			peer := read.After(x.Text, "PeerAddress=", "PeerAddr=")
			if first := bytes.Fields(x.Text); !peer.IsValid() && len(first) > 0 {
				peer = read.Addr(string(first[0]))
			}
			if x.With(peer) == nil {
				x.Fresh("?")
			}
		},
		Phrases: []read.Phrase{{Text: "current ike error-info number", Quiet: true}},
	}
	for _, r := range huaweiReasons {
		for _, text := range []string{"Reason=" + r.words, "500 " + r.words + " v"} {
			if r.o.Kind == diagnose.GaveUp {
				v.Phrases = append(v.Phrases, silent(text))
				continue
			}
			v.Phrases = append(v.Phrases, says(text, r.o))
		}
	}
	return v
}

// huaweiReasons are what the vendor documents of them.
var huaweiReasons = []struct {
	words string
	o     diagnose.Observation
}{
	{"phase1 proposal mismatch", offersRefused},
	{"proposal mismatch or use sm in ikev2", offersRefused},
	{"phase1 proposal encryption algorithm mismatch", refusal(offersRefused, diagnose.AttrEncryption)},
	{"phase1 proposal {authentication|integrity} algorithm mismatch", refusal(offersRefused, diagnose.AttrHash)},
	{"phase1 proposal authentication method mismatch", refusal(offersRefused, diagnose.AttrAuth)},
	{"phase1 proposal dh mismatch", refusal(offersRefused, diagnose.AttrGroup)},
	{"phase1 proposal prf mismatch", offersRefused},
	{"phase2 proposal pfs mismatch", pfsRefused},
	{"phase2 proposal {what} mismatch", offer2Refused},
	{"phase2 proposal or pfs mismatch", offer2Refused},
	{"encapsulation mode mismatch", refusal(offer2Refused, diagnose.AttrMode)},
	{"{responder|initiator} dh mismatch", refusal(offersRefused, diagnose.AttrGroup)},
	{"{flow or peer|netmask|flow} mismatch", proxiesRefused},
	{"flow {confict|conflict|overlap}", proxiesRefused},
	{"authentication fail", keyDiffers},
	{"malformed {payload|message}", keyDiffers},
	{"{config ID|construct local ID} {mismatch|fail}", wrongIdentity},
	{"{peer|local} address mismatch", noConnection},
	{"no policy applied on interface", p1(diagnose.NotEnabled, 1)},
	{"role mismatch", otherMode},
	{"exchange mode mismatch", otherMode},
	{"unknown exchange type", otherMode},
	{"{version mismatch|unsupported version}", otherVersion},
	{"{xauth|eap} authentication {fail|timeout}", userRefused},
	{"ip assigned fail", diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig}},
	{"{dynamic peers|ipsec tunnel} number reaches limitation", p1(diagnose.AdmissionLimit, 1)},
	{"license or specification limited", p1(diagnose.AdmissionLimit, 1)},
	{"{invalid cookie|cookie mismatch}", diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}},
	{"receive invalid spi notify", diagnose.Observation{Kind: diagnose.InvalidSPITold, Phase: diagnose.PhaseLife}},
	{"fragment packet reassemble timeout", p1(diagnose.FragmentLost, 0)},
	{"{dpd|heartbeat} timeout", peerDead},
	{"exchange timeout", p1(diagnose.GaveUp, 1)},
	{"max transmit reached", p1(diagnose.GaveUp, 1)},
}
