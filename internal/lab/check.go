package lab

import (
	"errors"
	"fmt"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// check holds a gateway's engine and data plane against each other: each pair
// of the one is in the other, and nothing else is.
func (h *host) check() error {
	faults := []error{h.router.Check()}
	must := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	d := h.plane
	known := make(map[*ipsec.SA]bool)
	pairs := h.router.IPsecSAs()
	for _, x := range pairs {
		p := d.pairs[x.InSPI]
		if p == nil {
			must(false, "pair %#x is not in the data plane", x.InSPI)
			continue
		}
		must(p.in.SPI() == x.InSPI && p.in.Params().ID == x.InID, "pair %#x has another inbound SA", x.InSPI)
		known[p.in] = true
		if p.out != nil {
			must(x.OutboundReady && p.out.SPI() == x.OutSPI && p.out.Params().ID == x.OutID, "pair %#x has another outbound SA", x.InSPI)
			known[p.out] = true
		}
	}
	must(len(d.pairs) == len(pairs), "%d pairs in the data plane, %d in the engine", len(d.pairs), len(pairs))
	for _, processor := range d.order {
		for _, sa := range processor.SAs() {
			must(known[sa], "%v SA %#x is in the data plane only", sa.Params().Direction, sa.SPI())
			delete(known, sa)
		}
	}
	must(len(known) == 0, "%d SAs are not in the data plane", len(known))
	for k := range d.queues {
		must(h.connection(k.tag) != nil, "packets wait for connection %d, which is gone", k.tag)
	}
	must(len(h.released) == 0, "%d packets were released and not sent", len(h.released))
	return errors.Join(faults...)
}

func (h *host) connection(tag uint32) *ike.Connection {
	for _, c := range h.router.Connections() {
		if c.Tag == tag {
			return c
		}
	}
	return nil
}
