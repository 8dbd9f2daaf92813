package racoon

import (
	"strings"
	"testing"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func FuzzRead(f *testing.F) {
	r, err := read.New(Vendor())
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"INFO: initiate new phase 1 negotiation: 1.2.3.4[500]<=>1.2.3.5[500]\nERROR: phase1 negotiation failed due to time up. 01:00\n",
		"ipsec,error 1.2.3.5 no suitable proposal found.\nfailed to get valid proposal\n",
		"ERROR: no policy found: 10.0.0.0/8[0] x proto=any dir=in\n",
		"IKE Packet: transmit success. (Initiator, Main-Mode message 9999999)\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		log, _ := r.Read("fuzz", strings.NewReader(text))
		diagnose.Judge(log.Observations)
	})
}
