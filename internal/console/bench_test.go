package console

import (
	"net/netip"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/trace"
)

// BenchmarkShowISAKMPSAs is show crypto isakmp sa of 10,000.
func BenchmarkShowISAKMPSAs(b *testing.B) {
	f := &fakeRouter{cfg: &config.Config{}}
	for i := range 10_000 {
		remote := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		f.isakmp = append(f.isakmp, ike.ISAKMPSA{Conn: uint32(1001 + i), Local: netip.MustParseAddrPort("192.0.2.1:500"),
			Remote: netip.AddrPortFrom(remote, 500), Role: trace.RoleResponder, Show: trace.QMIdle, Established: now, Expires: now})
	}
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(isakmpSAs(f).Text())))
	}
}
