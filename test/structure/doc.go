// Package structure tests the rules of CONTRIBUTING.md that a program can
// check: who may import whom, what the pure core must not know, and what no
// test may do.
package structure
