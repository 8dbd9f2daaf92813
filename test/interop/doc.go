// Package interop tests the daemon against real peers: strongSwan's charon,
// as Debian packages it, in network namespaces of this machine. Its tests are
// behind the build tag `interop` and need root; `make test` installs what they
// need and runs them. It knows the daemon by its command line only.
package interop
