// Package load is a crowd of sites that negotiate with one gateway and keep their
// tunnels up: many initiators in one process, each with an address, an identity and
// a network of its own, for benchmarks and soak tests.
//
// A Crowd is one engine with a connection for each site. It answers dead peer
// detection and renewals, renews itself, and comes back where its SAs were deleted.
// It does no I/O: Run drives it over real sockets, of which it needs two, and a third
// for ESP, since one may send from every address that the host takes for its own. Where
// a rate is set each site sends numbered echo requests through its tunnel, by the
// newest of its SAs, and takes the answers by any that is not deleted; so that every
// packet can be accounted for. Otherwise what comes in ESP is not looked at. It must
// not know who answers.
package load
