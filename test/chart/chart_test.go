package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// The curve goes through its values, each of which is written, and is well-formed.
func TestLogLog(t *testing.T) {
	svg := LogLog("tunnels", []int{100, 1000, 10000}, Panel{"MB", []float64{1, 10, 100}}, Panel{"% of a core", []float64{0, 1.25, 12.5}})
	for _, want := range []string{`width="760"`, ">MB<", ">% of a core<", ">tunnels<", ">10000<", ">1.25<", `points="60.0,260.0 205.0,150.0 350.0,40.0"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// One value everywhere is a line too.
func TestLevel(t *testing.T) {
	if svg := LogLog("x", []int{1, 10}, Panel{"level", []float64{10, 10}}); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error(svg)
	}
}
