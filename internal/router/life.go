package router

import "time"

// VolumeLow asks for the successor of the pair with an inbound SPI, one of whose
// SAs nears its end in kilobytes or sequence numbers.
func (r *Router) VolumeLow(now time.Time, inSPI uint32) Output {
	r.engine.VolumeLow(now, inSPI, r.begin(now))
	return r.finish()
}
