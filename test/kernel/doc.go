// Package kernel boots Debian's kernel under QEMU, because not every machine's own
// kernel has ESP, and runs the tests of test/kernel/guest there, as the first and
// only user of that machine. It is behind the build tag `kernel`; `make test` installs
// what it needs and runs it.
package kernel
