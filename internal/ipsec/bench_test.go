package ipsec

import (
	"fmt"
	"testing"
)

// BenchmarkPacket is one packet of 1,400 octets, one way.
func BenchmarkPacket(b *testing.B) {
	for _, name := range []string{"aes128-sha1", "aes256-sha256", "gcm128", "gcm256", "3des-sha1", "null-sha1"} {
		p := protectionNamed(b, name).outParams(0x1000)
		p.ReplayWindow = ReplayOff
		packet := ipv4Packet(1400)
		buf, out := make([]byte, 0, 2000), make([]byte, 0, 2000)
		sender, receiver := pair(b, p)
		b.Run("Seal/"+name, func(b *testing.B) {
			b.SetBytes(1400)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sender.Seal(buf, packet); err != nil {
					b.Fatal(err)
				}
			}
		})
		esp := mustSeal(b, sender, packet)
		b.Run("Open/"+name, func(b *testing.B) {
			b.SetBytes(1400)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := receiver.Open(out, esp); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLookup is the cost of the policy around the transforms, for a
// known flow and for one that is not in the cache.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		p := NewProcessor(newRandom())
		var entries []PolicyEntry
		for i := range n {
			entries = append(entries, line(uint32(i), 0, true, "10.0.0.0/8", fmt.Sprintf("172.%d.%d.0/24", 16+i>>8, i&255)))
		}
		p.SetPolicies(entries)
		f := Flow{Src: prefix("10.0.0.0/8").Lo, Dst: entries[n-1].Selector.RemoteNet.Lo}
		b.Run(fmt.Sprintf("known/%d", n), func(b *testing.B) {
			for b.Loop() {
				p.lookup(f)
			}
		})
		b.Run(fmt.Sprintf("new/%d", n), func(b *testing.B) {
			for b.Loop() {
				p.policy.Load().find(f)
			}
		})
	}
}

// BenchmarkInstall is an installation into a table that holds many SAs.
func BenchmarkInstall(b *testing.B) {
	p := NewProcessor(newRandom())
	params := mirror(protectionNamed(b, "gcm128").outParams(0x1000))
	for i := range uint32(10000) {
		params.SPI = 0x1000 + i
		if _, err := p.InstallInbound(params); err != nil {
			b.Fatal(err)
		}
	}
	params.SPI = 0x1000 - 1
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.InstallInbound(params); err != nil {
			b.Fatal(err)
		}
		p.RemoveInbound(params.SPI)
	}
}
