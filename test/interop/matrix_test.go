//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// matrixLabs share the matrix's rows: each is a lab with one pair of daemons,
// whose configurations change from row to row.
const matrixLabs = 4

// TestMatrix negotiates every row of the matrix twice, from either end, and
// compares what both ends say of it.
func TestMatrix(t *testing.T) {
	t.Parallel()
	rows := cover()
	for i := range matrixLabs {
		t.Run(fmt.Sprint("lab ", i+1), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, usual)
			q := startQmidle(t, l, l.hub, usual, raceDetector)
			esp := 0
			for at := i; at < len(rows); at += matrixLabs {
				x := usual
				x.suite = suiteOf(rows[at])
				if !t.Run(x.String(), func(t *testing.T) { testRow(t, q, c, x) }) {
					return // the next would begin where nobody knows
				}
				esp += 2 * 2 * echoesEach
			}
			q.end(t)
			c.end(t)
			capture.end(t).wantProtected(t, esp)
		})
	}
}

// echoesEach are the echo requests of each host in a negotiation.
const echoesEach = 2

func testRow(t *testing.T, q *qmidle, c *charon, x setup) {
	c.forget(t)
	q.forget(t)
	c.load(t, x)
	q.load(t, x)
	wake(t, q.site)
	compareEnds(t, q, c, x, "initiator")
	q.do(t, "clear crypto sa")
	q.do(t, "clear crypto isakmp")
	c.waitSAs(t, 0, 0)

	c.initiate(t)
	compareEnds(t, q, c, x, "responder")
	c.terminate(t, "--ike", "peer")
	q.waitSAs(t, 0, 0)
	c.wantNoComplaint(t)
}

// compareEnds sees packets pass and both ends name the suite.
func compareEnds(t *testing.T, q *qmidle, c *charon, x setup, role string) {
	t.Helper()
	wantPing(t, q.site, echoesEach)
	wantPing(t, c.site, echoesEach)
	wantListed(t, c.waitSAs(t, 1, 1), x)
	q.waitSAs(t, 1, 1)
	q.wantShown(t, x, role)
}

// wantShown fails unless qmidle names the suite, of both phases and in both
// directions.
func (q *qmidle) wantShown(t *testing.T, x setup, role string) {
	t.Helper()
	var phase1 struct {
		SAs []struct {
			Role  string
			Dead  bool // it stays in the list for a minute, as on IOS
			Suite struct {
				Encryption string
				KeyBits    int `json:"key_bits"`
				Hash       string
				Group      int
			}
		} `json:"isakmp_sas"`
	}
	q.ask(t, "show crypto isakmp sa detail", &phase1)
	got := ""
	for _, sa := range phase1.SAs {
		if sa.Dead {
			continue
		}
		cipher := sa.Suite.Encryption
		if sa.Suite.KeyBits != 0 {
			cipher += fmt.Sprint(" ", sa.Suite.KeyBits)
		}
		got += fmt.Sprintln(sa.Role, cipher, sa.Suite.Hash, sa.Suite.Group)
	}
	if want := fmt.Sprintln(role, x.cipher.shown, x.hash.shown, x.group.shown); got != want {
		t.Errorf("ISAKMP SAs of qmidle:\n%swant\n%s", got, want)
	}
	got = ""
	for _, sa := range q.espSAs(t) {
		got += fmt.Sprintln(sa.Transform, sa.PFSGroup, sa.Mode)
	}
	esp := fmt.Sprintln(strings.TrimSpace(x.espCipher.shown+" "+x.espAuth.shown), x.pfs.shown, "Tunnel UDP-Encaps")
	if want := esp + esp; got != want {
		t.Errorf("IPsec SAs of qmidle:\n%swant\n%s", got, want)
	}
}
