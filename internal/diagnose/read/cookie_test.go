package read

import "testing"

func TestCookie(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"ike 0:site:12: initiator: main mode id=0123456789abcdef/FEDCBA9876543210", "0123456789abcdef"},
		{"racoon: ERROR: phase1 negotiation failed due to time up. 0123456789ABCDEF:0000000000000000", "0123456789abcdef"},
		{"h: #1, CONNECTING, IKEv1, 0123456789abcdef_i* fedcba9876543210_r", "0123456789abcdef"},
		{"0123456789abcdef fedcba9876543210", "0123456789abcdef"},
		{"a struct at 0x80007309399748E0 for isadb_unlock_peer", ""},
		{"a digest 0123456789abcdef0123456789abcdef", ""},
		{"one cookie 0123456789abcdef", ""},
		{"0000000000000000/0123456789abcdef", ""},
		{"", ""},
	} {
		for pad := range 20 {
			line := append([]byte("                    "[:pad]), c.line...)
			if got := cookie(line); got != c.want {
				t.Errorf("%q: %q", line, got)
			}
		}
	}
}
