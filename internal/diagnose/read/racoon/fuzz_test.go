package racoon

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzRead(f *testing.F) {
	readtest.Fuzz(f, []string{
		"INFO: initiate new phase 1 negotiation: 1.2.3.4[500]<=>1.2.3.5[500]\nERROR: phase1 negotiation failed due to time up. 01:00\n",
		"ipsec,error 1.2.3.5 no suitable proposal found.\nfailed to get valid proposal\n",
		"ERROR: no policy found: 10.0.0.0/8[0] x proto=any dir=in\n",
		"IKE Packet: transmit success. (Initiator, Main-Mode message 9999999)\n",
	}, Vendor())
}
