//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// fragmentMTU is the largest IP packet of either end's IKE, but for a first
// message that goes before anybody knows that the other takes fragments.
const fragmentMTU = 200

// TestFragments has both ends send IKE in small fragments of Cisco's kind: main
// mode's messages with the public values of a large group, and quick mode's with
// PFS. The initiator offers many suites in phase 1, so that message 1 is long.
func TestFragments(t *testing.T) {
	t.Parallel()
	x := usual
	x.group, x.pfs = groups[5], pfsGroups[6] // 4096 bits
	x.daemon = fmt.Sprintf("  fragment_size = %d\n", fragmentMTU)
	x.ios = fmt.Sprintf("crypto isakmp fragmentation mtu %d\n", fragmentMTU)
	ours, charons := longOffer(x)
	for _, test := range []struct {
		name            string
		ios, connection string
		large           int // message 1, where it goes whole
		up              func(t *testing.T, q *qmidle, c *charon)
	}{
		{"charon initiates", "", "    fragmentation = yes\n" + charons, 1, func(t *testing.T, _ *qmidle, c *charon) { c.initiate(t) }},
		{"charon initiates in fragments", "", "    fragmentation = force\n" + charons, 0, func(t *testing.T, _ *qmidle, c *charon) { c.initiate(t) }},
		{"qmidle initiates", ours, "    fragmentation = yes\n", 1, func(t *testing.T, q *qmidle, _ *charon) { wake(t, q.site) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			x := x
			x.connection = test.connection
			x.ios += test.ios
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := startQmidle(t, l, l.hub, x, raceDetector)
			test.up(t, q, c)
			wantPing(t, l.hub, 3)
			wantPing(t, l.spoke, 3)
			wantListed(t, c.waitSAs(t, 1, 1), x)
			q.waitSAs(t, 1, 1)
			c.waitLog(t, "splitting IKE message", "fragments")
			c.waitLog(t, "reassembled fragmented IKE message")
			q.end(t)
			c.waitSAs(t, 0, 0)
			c.end(t)
			s := capture.end(t)
			s.wantProtected(t, 12)
			if s.large != test.large {
				t.Errorf("%d IKE packets of more than %d octets, want %d", s.large, fragmentMTU, test.large)
			}
			c.wantNoComplaint(t, "no acceptable ") // of the other suites
		})
	}
}

// longOffer is what makes an initiator offer many suites of phase 1 that the other
// does not take, at qmidle and at charon, where the one that is taken comes last.
func longOffer(x setup) (ours, charons string) {
	var proposals []string
	for i, c := range ciphers {
		for j, h := range hashes {
			if i+j == 0 {
				continue
			}
			proposals = append(proposals, proposal(c, h, x.group))
			ours += fmt.Sprintf("crypto isakmp policy %d\n encryption %s\n hash %s\n authentication pre-share\n group %s\n",
				100+len(proposals), c.ios, h.ios, x.group.ios)
		}
	}
	return ours, "    proposals = " + strings.Join(append(proposals, x.charonIKE()), ",") + "\n"
}
