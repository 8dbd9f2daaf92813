package gateways

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzRead(f *testing.F) {
	readtest.Fuzz(f, []string{
		"IKE phase-1 negotiation is failed as initiator, main mode. Failed SA: 1.2.3.4[500]-[500] cookie:0:0. Due to timeout.\n",
		"isakmpd[1]: attribute_unacceptable: KEY_LENGTH: got , expected 5\nRemote: 1.2.3.4/500 IKE negotiation failed with error: Timed out\n",
	}, append(Vendors(), Unknown())...)
}
