package main

import (
	"os"
	"path/filepath"
	"testing"

	"qmidle/internal/gateway"
)

func TestUTF8Locale(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"LANG": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "C.utf8"}, true},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, false},
		{map[string]string{"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, true},
	} {
		if got := utf8Locale(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: %v", test.env, got)
		}
	}
}

// A file or a pipe gets plain text.
func TestScreenOfNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := screenOf(int(f.Fd()), func(string) string { return "en_US.UTF-8" }); got != (gateway.Screen{}) {
		t.Errorf("a file is a screen: %+v", got)
	}
}
