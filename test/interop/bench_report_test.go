//go:build interop && bench

package interop

import (
	"fmt"
	"slices"
	"strings"
)

// report is the table of all, and what the bars are compared with.
func report(tunnels []*contender) string {
	var b strings.Builder
	table(&b, tunnels, "One TCP stream", "Gbit/s", "Gbit", func(c *contender) []sample { return c.bulk })
	if *benchSmall {
		table(&b, tunnels, "UDP, IP packets of 64 octets", "million packets/s", "million packets", func(c *contender) []sample { return c.small })
	}
	ratios(&b, tunnels)
	return b.String()
}

func table(b *strings.Builder, tunnels []*contender, title, rate, amount string, samples func(*contender) []sample) {
	fmt.Fprintf(b, "\n%s, medians (least to most) of %d rounds; CPU in seconds for a %s\n\n", title, *benchRounds, amount)
	fmt.Fprintf(b, "| tunnel | %s | CPU, sending gateway | CPU, receiving gateway | CPU, iperf3's two |\n|---|---|---|---|---|\n", rate)
	for _, c := range tunnels {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", c.name, spread(samples(c), sample.rate), spread(samples(c), sample.senderCost),
			spread(samples(c), sample.receiverCost), spread(samples(c), sample.hostCost))
	}
}

func (s sample) rate() float64         { return s.amount / s.seconds }
func (s sample) senderCost() float64   { return s.sender / s.amount }
func (s sample) receiverCost() float64 { return s.receiver / s.amount }
func (s sample) hostCost() float64     { return (s.client + s.sink) / s.amount }
func (s sample) gatewayCost() float64  { return (s.sender + s.receiver) / s.amount }

func spread(samples []sample, of func(sample) float64) string {
	values := sorted(samples, of)
	if values[len(values)-1] == 0 {
		return "" // the kernel's
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", values[len(values)/2], values[0], values[len(values)-1])
}

func sorted(samples []sample, of func(sample) float64) (out []float64) {
	for _, s := range samples {
		out = append(out, of(s))
	}
	slices.Sort(out)
	return out
}

// ratios compares those that are held against each other, round by round.
func ratios(b *strings.Builder, tunnels []*contender) {
	find := func(name string) *contender {
		for _, c := range tunnels {
			if c.name == name {
				return c
			}
		}
		return nil
	}
	fmt.Fprintf(b, "\nRatios of one round's rates, and of the gateways' CPU for the same; medians (least to most)\n\n")
	fmt.Fprintf(b, "| tunnel | against | bar | rate | CPU of the other / ours |\n|---|---|---|---|---|\n")
	for _, r := range []struct{ ours, other, bar string }{
		{"qmidle GCM UDP", "wireguard-go", "1"},
		{"qmidle GCM UDP", "charon GCM UDP", "6"},
		{"qmidle CBC/SHA-1 UDP", "charon CBC/SHA-1 UDP", "4"},
		{"qmidle GCM raw", "charon GCM UDP", "2"},
		{"qmidle CBC/SHA-1 raw", "charon CBC/SHA-1 UDP", "2"},
		{"qmidle GCM UDP", "plain veth", ""},
		{"qmidle GCM UDP", "earlier GCM UDP", ""},
		{"qmidle GCM raw", "earlier GCM raw", ""},
		{"qmidle CBC/SHA-1 UDP", "earlier CBC/SHA-1 UDP", ""},
		{"qmidle CBC/SHA-1 raw", "earlier CBC/SHA-1 raw", ""},
	} {
		ours, other := find(r.ours), find(r.other)
		if ours == nil || other == nil {
			continue
		}
		row(b, r.ours, r.other, r.bar, ours.bulk, other.bulk)
		if *benchSmall {
			row(b, r.ours+", 64 octets", r.other, "", ours.small, other.small)
		}
	}
}

func row(b *strings.Builder, ours, other, bar string, x, y []sample) {
	var rates, costs []sample
	for i := range x {
		rates = append(rates, sample{amount: x[i].rate(), seconds: y[i].rate()})
		costs = append(costs, sample{amount: y[i].gatewayCost(), seconds: x[i].gatewayCost()})
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", ours, other, bar, spread(rates, sample.rate), spread(costs, sample.rate))
}
