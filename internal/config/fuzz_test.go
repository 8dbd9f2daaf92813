package config

import (
	"strings"
	"testing"
)

// FuzzLoad: whatever the bytes, a load ends, shows no key, and what it accepts
// is written so that it loads to the same.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.cfg", "testdata/good/*.cfg", "testdata/bad/*.cfg"} {
		for _, file := range files(f, pattern) {
			f.Add(read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, ds := Load("fuzz", text)
		if (c == nil) != (ds.Err() != nil) {
			t.Fatalf("config %v, error %v", c, ds.Err())
		}
		if c != nil {
			reloads(t, c)
		}
	})
}

// FuzzLine types lines into one editor: no order of commands may break it.
func FuzzLine(f *testing.F) {
	f.Add("crypto map M 1 ipsec-isakmp\nno crypto map M\ncrypto map M 1\nset peer 10.0.0.1\n")
	f.Add("access-list 100 permit ip any any\nno access-list 100 permit ip any any\nip access-list extended X\nno permit\n")
	f.Fuzz(func(t *testing.T, text string) {
		e := NewEditor(New())
		for line := range strings.Lines(text) {
			e.Line(line)
			e.Help(line)
			e.Complete(line)
		}
		e.Check()
		e.cfg.RunningConfig()
	})
}
