package lab

import (
	"strings"
	"testing"
	"time"

	"qmidle/internal/secret"
)

// Each fault is made in a data plane that is otherwise in order.
func TestCheckFindsFaults(t *testing.T) {
	some := func(h *host) (spi uint32, p *pair) {
		for spi, p = range h.plane.pairs {
			return spi, p
		}
		return 0, nil
	}
	for _, test := range []struct {
		name, want string
		fault      func(h *host)
	}{
		{"nothing", "", func(*host) {}},
		{"a pair that only the engine has", "is not in the data plane", func(h *host) { spi, _ := some(h); delete(h.plane.pairs, spi) }},
		{"a pair that only the data plane has", "pairs in the data plane", func(h *host) { h.plane.pairs[1] = &pair{} }},
		{"a pair with another outbound SA", "another outbound SA", func(h *host) { _, p := some(h); p.out = p.in }},
		{"an SA that is not installed", "SAs are not in the data plane", func(h *host) { spi, _ := some(h); h.plane.order[0].RemoveInbound(spi) }},
		{"an SA that nobody has", "is in the data plane only", func(h *host) {
			_, p := some(h)
			params := p.out.Params()
			params.SPI, params.EncKey, params.AuthKey = 4711, secret.New(make([]byte, 16)), secret.New(make([]byte, 20))
			if _, err := h.plane.order[0].InstallOutbound(params); err != nil {
				t.Fatal(err)
			}
		}},
		{"packets for what is gone", "packets wait for connection 99", func(h *host) { h.plane.queues[lineKey{99, 0}] = &queue{} }},
		{"packets that were let go and not sent", "were released", func(h *host) { h.released = []waiting{{}} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, near, _, _ := twoSites(t)
			marks(t, near, "10.0.2.1", "10.0.1.1")
			l.run(time.Second, never)
			test.fault(near)
			err := near.check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("found %v, want %q", err, test.want)
			}
		})
	}
}
