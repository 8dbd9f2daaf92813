package config

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"net/netip"
)

var update = flag.Bool("update", false, "write the golden files and docs/configuration.md anew")

// equateNetip lets cmp compare the types of netip by ==.
var equateNetip = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// golden compares text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(all), err)
	}
	return all
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reloads checks that a configuration's text gives the same model again.
func reloads(t interface{ Fatalf(string, ...any) }, c *Config) {
	text := c.RunningConfig()
	again, ds := Load("running-config", []byte(text))
	if err := ds.Err(); err != nil {
		t.Fatalf("running-config does not load: %v\n%s", err, text)
	}
	if diff := cmp.Diff(c, again, equateNetip, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("running-config loads to something else (-was +is):\n%s\n%s", diff, text)
	}
}

// model shows a configuration without what is zero or empty.
func model(t *testing.T, c *Config) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	text, err = json.MarshalIndent(prune(tree), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func prune(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		for key, value := range v {
			if value = prune(value); value == nil {
				delete(v, key)
			} else {
				v[key] = value
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return tree
}

func TestGood(t *testing.T) {
	for _, file := range append(files(t, "testdata/good/*.cfg"), "testdata/hub.cfg", "testdata/spoke.cfg") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, ds := Load(filepath.Base(file), read(t, file))
			if err := ds.Err(); err != nil {
				t.Fatal(err)
			}
			reloads(t, c)
			text := c.RunningConfig()
			for _, m := range c.CryptoMaps {
				for _, e := range m.Entries {
					e.Sets, e.AccessList = nil, nil // shown in their own place
				}
			}
			golden(t, strings.TrimSuffix(file, ".cfg")+".golden", ds.String()+"----\n"+text+"----\n"+model(t, c))
		})
	}
}

func TestBad(t *testing.T) {
	for _, file := range files(t, "testdata/bad/*.cfg") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, ds := Load(filepath.Base(file), read(t, file))
			if ds.Err() == nil || c != nil {
				t.Fatalf("loads, with %s", ds)
			}
			golden(t, strings.TrimSuffix(file, ".cfg")+".golden", ds.String())
		})
	}
}
