// Package size measures what a hub with many tunnels costs: a gateway of the lab, with
// its configuration, console and data plane, on the lab's network in memory and virtual
// clock, and a crowd of sites of test/load around it. It must know nothing of how the
// gateway does it. It is tests and benchmarks only.
package size
