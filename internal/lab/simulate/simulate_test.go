package simulate

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 500, "how many seeds to run")
	from  = flag.Uint64("from", 1, "the first seed")
	one   = flag.Uint64("seed", 0, "run this seed alone, and show its transcript")
)

// TestSeeds runs plans, each in one goroutine. With the race detector it runs as
// many: what two runs share by mistake would show.
func TestSeeds(t *testing.T) {
	if *one != 0 {
		show(t, *one)
		return
	}
	for i := range *seeds {
		seed := *from + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			numbers, failure := Draw(seed).Run(io.Discard, false)
			if failure != nil {
				t.Errorf("%v\nshown by: make simulate SEED=%d", failure, seed)
			}
			t.Logf("%+v", numbers)
		})
	}
}

// show runs one seed and, if it fails, says what of its plan is enough for that.
func show(t *testing.T, seed uint64) {
	p := Draw(seed)
	numbers, failure := p.Run(os.Stdout, true)
	t.Logf("%+v", numbers)
	if failure != nil {
		t.Errorf("%v\nThese steps are enough:\n%v", failure, p.Shrink(failure))
	}
}

// The same seed is the same run to the last octet, with debug text or without;
// another is another.
func TestSameSeedSameBytes(t *testing.T) {
	transcript := func(seed uint64) ([]byte, Numbers) {
		var out bytes.Buffer
		numbers, failure := Draw(seed).Run(&out, true)
		if failure != nil {
			t.Fatal(failure)
		}
		return out.Bytes(), numbers
	}
	for _, seed := range []uint64{3, 11, 25} {
		first, numbers := transcript(seed)
		second, _ := transcript(seed)
		if !bytes.Equal(first, second) {
			t.Errorf("seed %d: two transcripts of %d and %d octets differ", seed, len(first), len(second))
		}
		if quiet, _ := Draw(seed).Run(io.Discard, false); quiet != numbers {
			t.Errorf("seed %d: with debug text %+v, without %+v", seed, numbers, quiet)
		}
		if other, _ := transcript(seed + 1); bytes.Equal(first, other) {
			t.Errorf("seeds %d and %d are the same run", seed, seed+1)
		}
	}
}

// Whatever can be drawn is drawn: a kind of trouble or of network that never
// comes is not tested.
func TestEverythingIsDrawn(t *testing.T) {
	var all strings.Builder
	sizes := make(map[int]bool)
	for seed := range uint64(500) {
		p := Draw(seed + 1)
		sizes[len(p.sites)] = true
		all.WriteString(p.String())
		for _, line := range p.lines() {
			all.WriteString(line.Text + "\n")
		}
		for _, s := range p.sites {
			all.WriteString(s.configuration)
		}
	}
	for n := 2; n <= 6; n++ {
		if !sizes[n] {
			t.Errorf("no plan has %d gateways", n)
		}
	}
	words := slices.Concat(phase1, phase2, []string{"loss 90", "loss 100", "repeat 100", "noise 60", "jitter", "latency", "block udp 500",
		"block udp 4500", "block esp", " from g1", "partition", "heal", "restart", "graceful", "rebind", "clear crypto isakmp", "clear crypto sa",
		"clear crypto session", "clear crypto sa peer", "clear crypto session remote", "no crypto map", "no shutdown", "no crypto isakmp enable",
		"another transform set", "another key", "another PFS group", "no crypto isakmp keepalive", "periodic", "no crypto isakmp nat keepalive",
		"fragmentation mtu", "invalid-spi-recovery", "identity hostname", "replay disable", "window-size 1024", "kilobytes 2560", "mode transport",
		" default\n", "unheard", "lifetime 60\n", "lifetime seconds 120\n", "set pfs group19",
		"network-extension", "mode client", "clear crypto ipsec client ezvpn", "aggressive-mode client-endpoint fqdn", "aggressive-mode client-endpoint ipv4-address",
		"authentication rsa-sig", "revocation-check crl", "group radius", "stall ", "clock g1 -48h", "200000h", "slow g1 12s", "slow 3s", "web silent", "radius 192.0.2.250 silent",
		"restart g1 blank", "waits 500ms"})
	for _, m := range mismatches {
		words = append(words, "do not match: "+m.name)
	}
	for _, word := range words {
		if !strings.Contains(all.String(), word) {
			t.Errorf("%q is in no plan", word)
		}
	}
}

func TestShrinkKeepsWhatIsNeeded(t *testing.T) {
	p := Draw(1)
	p.Steps = nil
	for i := range 9 {
		p.Steps = append(p.Steps, *newStep("%d", i).at(time.Duration(i)*time.Second, "loss 0"))
	}
	names := func(p *Plan) (all string) {
		for _, s := range p.Steps {
			all += s.Name
		}
		return all
	}
	least := p.shrink(func(less *Plan) bool {
		got := names(less)
		return strings.Contains(got, "2") && strings.Contains(got, "7")
	})
	if got := names(least); got != "27" || names(p) != "012345678" {
		t.Errorf("%q is left of %q, want 27", got, names(p))
	}
}
