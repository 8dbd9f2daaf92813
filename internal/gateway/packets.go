package gateway

import (
	"errors"

	"qmidle/internal/config"
	"qmidle/internal/dataplane"
	"qmidle/internal/ipsec"
)

// shapePackets tells the data plane how the configuration wants outer headers,
// fragments and TCP segments.
func (g *Gateway) shapePackets(c *config.Config) error {
	return errors.Join(g.plane.SetOuterPolicy(outerPolicy(c)), g.plane.SetMSSClamps(g.bindings.mssClamps(c)))
}

func outerPolicy(c *config.Config) ipsec.OuterPolicy {
	df := map[config.DFBit]ipsec.DFBit{config.DFSet: ipsec.DFSet, config.DFClear: ipsec.DFClear}
	return ipsec.OuterPolicy{DF: df[c.IPsec.DFBit], FragmentAfter: c.IPsec.FragmentAfter}
}

// mssClamps are those of `ip tcp adjust-mss`. What a crypto map protects passes
// the TUN device in the place of the interface that bears the map.
func (b bindings) mssClamps(c *config.Config) (clamps []dataplane.MSSClamp) {
	for _, i := range c.Interfaces {
		if i.AdjustMSS == 0 || i.Shutdown {
			continue
		}
		if linux := b[i.Name].linux; linux != "" {
			clamps = append(clamps, dataplane.MSSClamp{Device: linux, Size: i.AdjustMSS})
		}
		if i.CryptoMap != "" {
			clamps = append(clamps, dataplane.MSSClamp{Device: dataplane.DefaultDevice, Size: i.AdjustMSS})
		}
	}
	return clamps
}
