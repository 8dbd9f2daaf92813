package vpnc

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzRead(f *testing.F) {
	readtest.Fuzz(f, []string{
		"vpnc version 0.5.3\nS4.3 AM packet_1\nn.type: 000e (ISAKMP_N_NO_PROPOSAL_CHOSEN)\nresponse was invalid [1]: (ISAKMP_N_)(7)\n",
		"NAT status: this end behind NAT? YES -- remote end behind NAT? no\nS4.5 AM_packet3\nno response from target\n",
		"quick mode response rejected: (ISAKMP_N_NO_PROPOSAL_CHOSEN)(14)\n",
	}, Vendor())
}
