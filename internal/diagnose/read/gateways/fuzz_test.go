package gateways

import (
	"strings"
	"testing"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func FuzzRead(f *testing.F) {
	r, err := read.New(Vendors()...)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"IKE phase-1 negotiation is failed as initiator, main mode. Failed SA: 1.2.3.4[500]-[500] cookie:0:0. Due to timeout.\n",
		"isakmpd[1]: attribute_unacceptable: KEY_LENGTH: got , expected 5\nRemote: 1.2.3.4/500 IKE negotiation failed with error: Timed out\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		log, _ := r.Read("fuzz", strings.NewReader(text))
		diagnose.Judge(log.Observations)
	})
}
