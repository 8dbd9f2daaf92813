package fortigate

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzRead(f *testing.F) {
	readtest.Fuzz(f, []string{
		"ike 0: comes 203.0.113.7:500->198.51.100.2:500,ifindex=5\nike 0:a:1: incoming proposal:\n trans_id = ESP_AES_CBC (key_len = 256)\nmy proposal:\n type=OAKLEY_GROUP, val=MODP\nno SA proposal chosen\n",
		"ike 0:1/2:7: incoming proposal:\nike V=root:0:b:8: probable preshared key mismatch\nike 0:1/2:7: my proposal, gw b:\nike Negotiate ISAKMP SA Error: ike 0:b:8: no SA proposal chosen\nike 0:b: could not send IKE Packet(a):1.2.3.4:500->: error 101:x\n",
		"sent IKE msg (ident_i1send): 1.2.3.4:500->:500, len=1\n",
	}, Vendor())
}
