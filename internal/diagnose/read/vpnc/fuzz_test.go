package vpnc

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
		"vpnc version 0.5.3\nS4.3 AM packet_1\nn.type: 000e (ISAKMP_N_NO_PROPOSAL_CHOSEN)\nresponse was invalid [1]: (ISAKMP_N_)(7)\n",
		"NAT status: this end behind NAT? YES -- remote end behind NAT? no\nS4.5 AM_packet3\nno response from target\n",
		"quick mode response rejected: (ISAKMP_N_NO_PROPOSAL_CHOSEN)(14)\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		log, _ := r.Read("fuzz", strings.NewReader(text))
		diagnose.Judge(log.Observations)
	})
}
