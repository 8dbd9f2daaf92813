//go:build interop && bench

package interop

import (
	"fmt"
	"slices"
	"strings"
)

// handshakeRow is what one group and number of tunnels came to, of each round by
// responder.
type handshakeRow struct {
	group, tunnels int
	results        map[string][]handshakes
}

// reportHandshakes is the table of all, and what the bars are compared with.
func reportHandshakes(rows []*handshakeRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMain and quick mode with a pre-shared key, medians (least to most) of %d rounds\n\n", *benchRounds)
	fmt.Fprintf(&b, "| responder | group | tunnels | tunnels/s | CPU ms a tunnel | RSS MB before | after |\n|---|---|---|---|---|---|---|\n")
	for _, row := range rows {
		for _, r := range responders {
			if list := row.results[r.name]; len(list) > 0 {
				fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s | %s |\n", r.name, row.group, row.tunnels,
					middle("%.0f", list, func(h handshakes) float64 { return h.rate }),
					middle("%.3f", list, func(h handshakes) float64 { return 1000 * h.perTunnel() }),
					middle("%.0f", list, func(h handshakes) float64 { return h.before }),
					middle("%.0f", list, func(h handshakes) float64 { return h.rss }))
			}
		}
	}
	fmt.Fprintf(&b, "\ncharon's CPU a tunnel / ours, round by round\n\n| group | tunnels | bar | ratio |\n|---|---|---|---|\n")
	for _, row := range rows {
		bar := 2.5
		if row.group == 14 {
			bar = 3
		}
		if x, y := row.results["qmidle"], row.results["charon"]; len(x) > 0 && len(y) > 0 {
			fmt.Fprintf(&b, "| %d | %d | %.1f | %s |\n", row.group, row.tunnels, bar, ratioOf(y, x))
		}
	}
	fmt.Fprintf(&b, "\nCPU a tunnel with the most tunnels / with the fewest, round by round\n\n| responder | group | ratio |\n|---|---|---|\n")
	for i, row := range rows {
		last := slices.IndexFunc(rows[i+1:], func(o *handshakeRow) bool { return o.group == row.group })
		for _, r := range responders {
			if last >= 0 && len(row.results[r.name]) > 0 {
				fmt.Fprintf(&b, "| %s | %d | %s |\n", r.name, row.group, ratioOf(rows[i+1+last].results[r.name], row.results[r.name]))
			}
		}
	}
	return b.String()
}

func ratioOf(x, y []handshakes) string {
	var list []float64
	for i := range min(len(x), len(y)) {
		list = append(list, x[i].perTunnel()/y[i].perTunnel())
	}
	return middle("%.2f", list, func(r float64) float64 { return r })
}

// middle is the median, with the least and the most.
func middle[T any](format string, list []T, of func(T) float64) string {
	var values []float64
	for _, x := range list {
		values = append(values, of(x))
	}
	slices.Sort(values)
	return fmt.Sprintf(format+" ("+format+" to "+format+")", values[len(values)/2], values[0], values[len(values)-1])
}
