package console

import (
	"cmp"
	"net/netip"
)

// ReverseRoute is a route that `reverse-route` has put into the table.
type ReverseRoute struct {
	Prefix   netip.Prefix
	NextHop  netip.Addr
	Distance uint8
	Tag      uint32 // 0: none
}

// Compare orders routes by prefix, then by all else.
func (r ReverseRoute) Compare(o ReverseRoute) int {
	return cmp.Or(r.Prefix.Addr().Compare(o.Prefix.Addr()), cmp.Compare(r.Prefix.Bits(), o.Prefix.Bits()), r.NextHop.Compare(o.NextHop),
		cmp.Compare(r.Distance, o.Distance), cmp.Compare(r.Tag, o.Tag))
}
