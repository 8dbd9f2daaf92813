// Package chart draws what benchmarks have measured as SVG. It knows numbers and titles
// only: what they are of is its callers' business.
package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Panel is one curve with its title. Values has one for each of the chart's places; what
// is nearly nothing stands for a thousandth.
type Panel struct {
	Title  string
	Values []float64
}

const (
	panelWidth, panelHeight = 290.0, 220.0
	panelTop, panelLeft     = 40.0, 60.0
	pitch                   = 380.0
)

// LogLog is an SVG with a panel for each curve, side by side, all against the same
// places, of which there are two at least, in ascending order. Both scales are
// logarithmic; each point has its value beside it. what is what the places count.
func LogLog(what string, places []int, panels ...Panel) string {
	var b strings.Builder
	width := pitch * float64(len(panels))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="320" font-family="sans-serif" font-size="12">`+"\n", width)
	fmt.Fprintf(&b, `<rect width="%.0f" height="320" fill="white"/>`+"\n", width)
	for i, p := range panels {
		p.draw(&b, panelLeft+pitch*float64(i), what, places)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p Panel) draw(b *strings.Builder, left float64, what string, places []int) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range p.Values {
		low, high = min(low, logOf(v)), max(high, logOf(v))
	}
	low, high = math.Floor(low), math.Ceil(high)
	if low == high {
		high++
	}
	from, to := logOf(float64(places[0])), logOf(float64(places[len(places)-1]))
	x := func(place int) float64 { return left + panelWidth*(logOf(float64(place))-from)/(to-from) }
	y := func(v float64) float64 { return panelTop + panelHeight*(high-v)/(high-low) }
	fmt.Fprintf(b, `<text x="%.0f" y="20" font-weight="bold">%s</text>`+"\n", left, p.Title)
	for v := low; v <= high; v++ {
		fmt.Fprintf(b, `<line x1="%.0f" y1="%.1f" x2="%.0f" y2="%.1f" stroke="#ddd"/><text x="%.0f" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), left+panelWidth, y(v), left-6, y(v)+4, short(math.Pow(10, v)))
	}
	var line []string
	for i, place := range places {
		line = append(line, fmt.Sprintf("%.1f,%.1f", x(place), y(logOf(p.Values[i]))))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#06c" stroke-width="2"/>`+"\n", strings.Join(line, " "))
	for i, place := range places {
		at := y(logOf(p.Values[i]))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="#06c"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text><text x="%.1f" y="%.0f" text-anchor="middle">%d</text>`+"\n",
			x(place), at, x(place), at-8, short(p.Values[i]), x(place), panelTop+panelHeight+18, place)
	}
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f" text-anchor="middle">%s</text>`+"\n", left+panelWidth/2, panelTop+panelHeight+38, what)
}

func logOf(v float64) float64 { return math.Log10(max(v, 0.001)) }

func short(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
