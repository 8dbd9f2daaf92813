// Package compare holds the configurations of gateways against each other and
// names every difference that keeps a tunnel down, or that only luck keeps from
// doing so, with the lines of both files and the commands that mend it at either
// end.
//
// Compare reads, assumes what no file can say (an address from DHCP, a NAT, what
// a name stands for) and says so, finds the entries that are meant for each
// other, and judges each line of their access lists in both directions. What it
// predicts is for the lab to prove: a Way has what is needed to try it, and the
// place for the outcome.
//
// It does no I/O and runs no negotiation. The order of comparison is IKE's (RFC
// 2409 section 5, RFC 2407 section 4.5), and the rules are those of package
// policy; which entry answers is what package ike does.
//
// The files: file.go (a configuration and its lines), assume.go, foreign.go (what
// a router has and this project has not), gateway.go, routes.go, pair.go and
// lines.go (who is meant for whom), phase1.go, identity.go, phase2.go, reach.go,
// luck.go, finding.go, fix.go, text.go and json.go.
package compare
