package strongswan

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzRead(f *testing.F) {
	readtest.Fuzz(f, []string{
		"05[NET] <a|3> received packet: from 203.0.113.7[500] to 198.51.100.2[500] (1 bytes)\n05[ENC] <a|3> parsed ID_PROT request 0 [ SA N(NO_PROP) ]\n",
		"received proposals: IKE:AES_CBC_128/MODP_1024, ESP:\nconfigured proposals: IKE:3DES_CBC//\nno proposal found\n",
		"]: ESTABLISHED 5s ago, 1.2.3.4[a]...1.2.3.5[b]\nn{1}:  INSTALLED, x\nn{1}: A/B, 9 bytes_i, 8 bytes_o (1 pkts\n === \n",
		"h: #1, CONNECTING, IKEv1, 0_i* 0000000000000000_r\n local '' @ 1.2.3.4[\n n: #1, reqid 1, INSTALLED, x\n in c, 1 bytes, 2 packets\n out c, 1 bytes, 2 packets\n local\n remote x\n",
	}, Vendor())
}
