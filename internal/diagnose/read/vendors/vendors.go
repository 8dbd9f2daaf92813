// Package vendors is every reader of logs: the one place that knows them all. It
// must know nothing else of them than their names.
package vendors

import (
	"sync"

	"qmidle/internal/diagnose/read"
	"qmidle/internal/diagnose/read/asa"
	"qmidle/internal/diagnose/read/fortigate"
	"qmidle/internal/diagnose/read/gateways"
	"qmidle/internal/diagnose/read/ios"
	"qmidle/internal/diagnose/read/pluto"
	"qmidle/internal/diagnose/read/racoon"
	"qmidle/internal/diagnose/read/strongswan"
	"qmidle/internal/diagnose/read/vpnc"
)

// All are the vendors. Where a phrase is of several, the first one has it.
func All() []*read.Vendor {
	known := append([]*read.Vendor{
		ios.Vendor(),
		asa.Vendor(),
		strongswan.Vendor(),
		pluto.Vendor(),
		racoon.Vendor(),
		vpnc.Vendor(),
		fortigate.Vendor(),
	}, gateways.Vendors()...)
	return append(known, gateways.Unknown())
}

// Readers are those of all vendors, compiled once.
var Readers = sync.OnceValues(func() (*read.Readers, error) { return read.New(All()...) })
