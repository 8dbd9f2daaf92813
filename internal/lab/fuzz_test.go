package lab

import (
	"io"
	"strings"
	"testing"
)

// Any text is understood or refused with its line; nothing of it is run here.
func FuzzParseLine(f *testing.F) {
	for _, v := range verbs {
		for _, form := range v.forms {
			f.Add(strings.NewReplacer("GATEWAY", "hub", "SUBNET", "10.0.1.0/24", "N", "1", "PORT", "500", "DURATION", "1s",
				"ADDRESS", "10.0.1.9", "PERCENT", "5", "[", "", "]", "").Replace(form))
		}
	}
	f.Add("hub# show version")
	f.Add("hub#")
	f.Add("a b# c")
	c, err := loadGateway("hub.cfg", []byte(iface("Ethernet0/0", "10.0.1.1")), nil)
	if err != nil {
		f.Fatal(err)
	}
	l, err := newLab([]gatewayConfig{c}, Options{}, io.Discard)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, "\n") {
			return
		}
		s, err := l.parseLine(line)
		if (err == nil) != (s.run != nil) {
			t.Errorf("%q: error %v and a step %t", line, err, s.run != nil)
		}
	})
}
