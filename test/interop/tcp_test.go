//go:build interop

package interop

import (
	"testing"
	"time"
)

const megabytes = 50 << 20

// TestTCP sends 50 MiB each way, through CBC and through GCM, and looks at
// every packet on the wire.
func TestTCP(t *testing.T) {
	for _, x := range []setup{usual, gcm} {
		t.Run(x.esp(), func(t *testing.T) {
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := startQmidle(t, l, l.hub, x, qmidlePath)
			t.Logf("from qmidle's host: %.0f Mbit/s", transfer(t, l.hub, l.spoke, megabytes, time.Minute))
			t.Logf("from charon's host: %.0f Mbit/s", transfer(t, l.spoke, l.hub, megabytes, time.Minute))
			wantPing(t, l.hub, 3)
			if _, _, failed := q.counters(t); failed != 0 {
				t.Errorf("%d errors:\n%s", failed, q.do(t, "show crypto ipsec sa"))
			}
			q.end(t)
			c.end(t)
			capture.end(t).wantProtected(t, 2*megabytes/65536)
			c.wantNoComplaint(t)
		})
	}
}
