// Package policy compares what a peer offers with what is configured: phase 1
// transforms with ISAKMP policies, phase 2 transforms with transform sets,
// identities and proxy identities with access lists. A comparison yields a
// match, or the first difference in IOS's order.
//
// It must not know how exchanges run or where a configuration comes from. It
// implements RFC 2409 appendix A and RFC 2407 sections 4.4 to 4.6 as far as
// their values are compared; the order of comparison is IOS's.
package policy
