//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// account is what became of the packets that sites sent through a gateway to the host
// behind it, and of that host's answers. On either way a filter has lost some and
// counted them.
type account struct {
	sent            uint64 // by the sites
	inSeen, inLost  uint64 // by the filter before the gateway
	asked, answered uint64 // at the host
	outSeen, outLost,
	received uint64 // by the filter before the sites, and by them
	twice, strange, refused uint64 // of what the sites got
}

// faults says where there are packets too few or too many.
func (a account) faults() (list []string) {
	step := func(between string, there, here uint64) {
		if there != here {
			list = append(list, fmt.Sprintf("%s: %d, then %d", between, there, here))
		}
	}
	step("from the sites to the filter before the gateway", a.sent, a.inSeen)
	step("from that filter through the gateway to the host", a.inSeen-a.inLost, a.asked)
	step("at the host", a.asked, a.answered)
	step("from the host through the gateway to the filter before the sites", a.answered, a.outSeen)
	step("from that filter to the sites", a.outSeen-a.outLost, a.received)
	step("answers that a site had already", 0, a.twice)
	step("answers to nothing", 0, a.strange)
	step("packets that a site could not open", 0, a.refused)
	return list
}

// filterCounters reads a table's named counters, in packets.
func filterCounters(t *testing.T, ns, table string) map[string]uint64 {
	t.Helper()
	return parseCounters(command(t, "ip", "netns", "exec", ns, "nft", "list", "counters", "table", "ip", table))
}

var namedCounter = regexp.MustCompile(`counter (\w+) \{\s+packets (\d+)`)

func parseCounters(text string) map[string]uint64 {
	all := make(map[string]uint64)
	for _, x := range namedCounter.FindAllStringSubmatch(text, -1) {
		all[x[1]], _ = strconv.ParseUint(x[2], 10, 64)
	}
	return all
}

// growth compares the medians of a run's first and last quarter, and says what is
// wrong where the last is larger than the first by more than a share, and by more
// than some.
func growth(what string, values []float64, share, some float64) (first, last float64, fault string) {
	quarter := len(values) / 4
	if quarter == 0 {
		return 0, 0, fmt.Sprintf("%s: %d values are too few", what, len(values))
	}
	first, last = median(values[:quarter]), median(values[len(values)-quarter:])
	if last > first*(1+share)+some {
		fault = fmt.Sprintf("%s: %.1f in the first quarter, %.1f in the last", what, first, last)
	}
	return first, last, fault
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// heaps are the megabytes that each collection of garbage left, as GODEBUG=gctrace=1
// has Go print them.
func heaps(output string) (mb []float64) {
	for _, x := range regexp.MustCompile(`(?m)^gc \d+ @.* \d+->\d+->(\d+) MB`).FindAllStringSubmatch(output, -1) {
		n, _ := strconv.ParseFloat(x[1], 64)
		mb = append(mb, n)
	}
	return mb
}

// goroutines are how many there were each time that GODEBUG=schedtrace=N,scheddetail=1
// had Go print them. Those that have ended, with status 6, are kept for others.
func goroutines(output string) (counts []float64) {
	for _, moment := range strings.Split(output, "SCHED ")[1:] {
		n := 0
		for _, x := range regexp.MustCompile(`(?m)^  G\d+: status=(\d+)`).FindAllStringSubmatch(moment, -1) {
			if x[1] != "6" && x[1] != "0" {
				n++
			}
		}
		counts = append(counts, float64(n))
	}
	return counts
}

// TestAccount has the account find each packet that is missing, and each that is too
// many.
func TestAccount(t *testing.T) {
	t.Parallel()
	whole := account{sent: 1000, inSeen: 1000, inLost: 10, asked: 990, answered: 990, outSeen: 990, outLost: 9, received: 981}
	if list := whole.faults(); len(list) > 0 {
		t.Errorf("%v", list)
	}
	for name, change := range map[string]func(*account){
		"before the gateway's filter": func(a *account) { a.inSeen-- },
		"by the gateway, inwards":     func(a *account) { a.asked-- },
		"by the host":                 func(a *account) { a.answered-- },
		"by the gateway, outwards":    func(a *account) { a.outSeen-- },
		"before the sites":            func(a *account) { a.received-- },
		"a drop that is not counted":  func(a *account) { a.inLost-- },
		"one too many":                func(a *account) { a.asked++ },
		"twice":                       func(a *account) { a.twice++ },
		"strange":                     func(a *account) { a.strange++ },
		"not opened":                  func(a *account) { a.refused++ },
	} {
		a := whole
		change(&a)
		if len(a.faults()) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

// TestGrowth has what grows found, and reads what Go prints.
func TestGrowth(t *testing.T) {
	t.Parallel()
	if _, _, fault := growth("flat", []float64{50, 51, 49, 50, 52, 50, 51, 50}, 0.1, 0); fault != "" {
		t.Error(fault)
	}
	for _, values := range [][]float64{{50, 51, 52, 53, 54, 55, 56, 57}, {1}, nil} {
		if _, _, fault := growth("growing", values, 0.1, 0); fault == "" {
			t.Errorf("%v: nothing is found", values)
		}
	}
	printed := "gc 5 @0.107s 2%: 0.027+1.4+0.005 ms clock, 0.05+0.2/0.9/0+0.01 ms cpu, 4->5->2 MB, 5 MB goal, 0 MB stacks, 0 MB globals, 2 P\n" +
		"SCHED 5002ms: gomaxprocs=2 idleprocs=2\n  P0: status=0\n  G1: status=4(chan receive) m=nil lockedm=nil\n  G2: status=6() m=nil\n  G3: status=4(sleep) m=nil\nSCHED 10002ms: gomaxprocs=2\n  G1: status=2() m=0\n"
	if mb := heaps(printed); !slices.Equal(mb, []float64{2}) {
		t.Errorf("heaps: %v", mb)
	}
	if n := goroutines(printed); !slices.Equal(n, []float64{2, 1}) {
		t.Errorf("goroutines: %v", n)
	}
	if c := parseCounters("table ip soak {\n\tcounter esp_seen {\n\t\tpackets 12 bytes 900\n\t}\n\tcounter esp_lost {\n\t\tpackets 3 bytes 90\n\t}\n}\n"); c["esp_seen"] != 12 || c["esp_lost"] != 3 {
		t.Errorf("counters: %v", c)
	}
}
