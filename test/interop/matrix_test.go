//go:build interop

package interop

import "testing"

// suites hold every pair of two values: of the three ciphers, two hashes and
// three groups of phase 1, the transforms of phase 2, PFS on and off, and
// NAT-T by RFC or by draft.
var suites = []suite{
	{"15.2", "aes", "sha", 2, "esp-aes esp-sha-hmac", 0, false},
	{"12.3", "aes", "sha256", 14, "esp-aes esp-sha256-hmac", 14, false},
	{"15.2", "aes", "sha256", 19, "esp-gcm", 19, false},
	{"12.3", "aes 256", "sha256", 2, "esp-gcm 256", 0, false},
	{"15.2", "aes 256", "sha", 14, "esp-aes 256 esp-sha-hmac", 14, false},
	{"12.3", "aes 256", "sha", 19, "esp-aes 256 esp-sha256-hmac", 0, false},
	{"12.3", "3des", "sha", 2, "esp-aes 256 esp-sha256-hmac", 2, false},
	{"15.2", "3des", "sha", 14, "esp-gcm", 0, false},
	{"12.3", "3des", "sha256", 19, "esp-aes esp-sha-hmac", 19, false},
	{"15.2", "3des", "sha256", 19, "esp-3des esp-sha-hmac", 2, false},
}

// TestSuites negotiates each suite twice, and sees both ends and the wire.
func TestSuites(t *testing.T) {
	t.Parallel()
	for _, x := range suites {
		t.Run(x.String(), func(t *testing.T) {
			t.Parallel()
			t.Run("qmidle initiates", func(t *testing.T) {
				t.Parallel()
				testSuite(t, x, func(q *qmidle, _ *charon) { wantPing(t, q.site, 5) })
			})
			t.Run("charon initiates", func(t *testing.T) {
				t.Parallel()
				testSuite(t, x, func(q *qmidle, c *charon) {
					c.initiate(t)
					wantPing(t, q.site, 5)
				})
			})
		})
	}
}

// testSuite brings a tunnel up, sends five echo requests from each host and
// takes the tunnel down. Up is whoever initiates, and the first five.
func testSuite(t *testing.T, x suite, up func(*qmidle, *charon)) {
	l := newLab(t)
	capture := startCapture(t, l)
	c := startCharon(t, l, l.spoke, x)
	q := startQmidle(t, l, l.hub, x, raceDetector)
	up(q, c)
	wantPing(t, l.spoke, 5)
	wantListed(t, c.waitSAs(t, 1, 1), x)
	q.waitSAs(t, 1, 1)
	if encaps, decaps, failed := q.counters(t); encaps != 10 || decaps != 10 || failed != 0 {
		t.Errorf("%d packets encrypted, %d decrypted, %d errors, want 10, 10 and none", encaps, decaps, failed)
	}
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 10)
	c.wantNoComplaint(t)
}
