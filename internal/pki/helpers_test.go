package pki_test

import (
	"net/netip"
	"slices"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

func sortStrings(s []string) { slices.Sort(s) }
