package read

import "testing"

// The short way to an address takes nothing that the long one reads differently.
func TestPlainAddresses(t *testing.T) {
	short := 0
	for _, text := range []string{"192.0.2.1", "192.0.2.1[500]", "192.0.2.1:500", "192.0.2.1/32", "192.0.2.1(500)", "192.0.2.1#500",
		"192.0.2.1, 192.0.2.2", "192.0.2.1 port 500", "0.0.0.0", "0.0.0.0/0", "192.0.2.01", "192.0.2.256", "192.0.2", "192.0.2.1.5", "192.0.2.1:::2", "192.0.2.1x",
		"192.0.2.1.", "2001:db8::1", "peer", "", ".", "1.2.3.4-5", "00.1.2.3", "10.0.0.0", "1.2.3.4:5:6", "1.2.3.4:", "255.255.255.255", "1..2.3"} {
		a, ok := plainIPv4([]byte(text))
		if ok {
			short++
		}
		if ok && a != Addr(text) {
			t.Errorf("%q: %s, %s", text, a, Addr(text))
		}
	}
	if short < 9 {
		t.Errorf("only %d went the short way", short)
	}
}
