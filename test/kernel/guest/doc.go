// Package guest is the tests that run on a machine of their own, with a kernel that
// has ESP: see test/kernel. They are behind the build tag `guest` and know the daemon
// by its command line only. Outside of that machine nothing is to run them: they
// do not clean up.
package guest
