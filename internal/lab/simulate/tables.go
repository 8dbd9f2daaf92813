package simulate

import (
	"time"

	"qmidle/internal/ike"
)

// tables holds that each gateway's tables agree with each other, that no SA
// outlives its lifetime, and that in the end nothing is left.
type tables struct {
	r     *run
	dirty map[string]bool
	whole time.Duration // when everything was last walked
}

// wholeInterval is how often data planes are compared with engines, too.
const wholeInterval = 5 * time.Second

func newTables(r *run) tables { return tables{r: r, dirty: make(map[string]bool)} }

// touched notes that IKE did something at a gateway.
func (t *tables) touched(gateway string) { t.dirty[gateway] = true }

func (t *tables) stepped() {
	for _, s := range t.r.plan.sites {
		if !t.dirty[s.name] {
			continue
		}
		if err := t.r.world.Router(s.name).Check(); err != nil {
			t.r.fail("tables agree", "%s: %v", s.name, err)
		}
	}
	clear(t.dirty)
	if t.r.now()-t.whole < wholeInterval {
		return
	}
	t.whole = t.r.now()
	if err := t.r.world.Check(); err != nil {
		t.r.fail("tables agree", "%v", err)
	}
	for _, err := range t.r.world.Refused() {
		t.r.fail("tables agree", "a data plane refuses an SA: %v", err)
	}
	t.lives(t.r.world.Now())
}

// lives looks for SAs that should have ended.
func (t *tables) lives(now time.Time) {
	for _, s := range t.r.plan.sites {
		if t.r.world.StandsStill(s.name) {
			continue
		}
		for _, x := range t.r.world.Router(s.name).IPsecSAs() {
			if end := x.Created.Add(time.Duration(x.Lives.Seconds) * time.Second); now.After(end) {
				t.r.fail("lifetimes", "%s still has pair %#x, which ended at %v", s.name, x.InSPI, end.Sub(t.r.began))
			}
		}
		for _, x := range t.r.world.Router(s.name).ISAKMPSAs() {
			end := x.Established.Add(time.Duration(x.Policy.Lifetime) * time.Second)
			if !x.Dead && !x.Established.IsZero() && now.After(end) {
				t.r.fail("lifetimes", "%s still has ISAKMP SA %d, which ended at %v", s.name, x.ID, end.Sub(t.r.began))
			}
		}
	}
}

// empty looks for what is left when everything was cleared.
func (t *tables) empty() {
	for _, s := range t.r.plan.sites {
		if h := t.r.world.Router(s.name).Holdings(); h != (ike.Holdings{}) {
			t.r.fail("no leak", "%s keeps %+v", s.name, h)
		}
		for _, p := range t.r.world.Router(s.name).AddressPools() {
			if len(p.InUse) > 0 {
				t.r.fail("no leak", "%s has %d addresses of %s in use", s.name, len(p.InUse), p.Name)
			}
		}
		if n := t.r.world.Queued(s.name); n > 0 {
			t.r.fail("no leak", "%s keeps %d packets", s.name, n)
		}
	}
}
