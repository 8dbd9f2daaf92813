package leak

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// texts reads the files of the repository that a test has written or compares
// with, and its pages; and apart the keys of every configuration in it, those in
// test code included.
func texts(t *testing.T) (files map[string]string, keys []string) {
	t.Helper()
	root := os.DirFS("../..")
	files = map[string]string{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "fuzz" || name == "bin" || strings.HasPrefix(name, ".") && path != "." {
				return fs.SkipDir
			}
			return nil
		}
		compared := strings.Contains(path, "testdata/") || filepath.Ext(path) == ".md"
		if strings.HasPrefix(path, "internal/keymat/") {
			return nil // captured exchanges, with the keys that were captured
		}
		if !compared && filepath.Ext(path) != ".cfg" && filepath.Ext(path) != ".go" && filepath.Ext(path) != ".conf" {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		for _, key := range Keys(string(text)) {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		if compared && filepath.Ext(path) != ".cfg" {
			files[path] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, keys
}

// inConfiguration are the places of a key in a line of configuration, wherever
// the line stands: a part of an archive, a table or a page.
var inConfiguration = []*regexp.Regexp{
	regexp.MustCompile(`(crypto isakmp key (?:[06] )?)\S+`),
	regexp.MustCompile(`(pre-shared-key \S.* key (?:[06] )?)\S+`),
	regexp.MustCompile(`(aggressive-mode password (?:[06] )?)\S+`),
	regexp.MustCompile(`((?:password|secret) [0-9] )\S+`),
	regexp.MustCompile(`((?:secret|PSK|Pre-Shared Key)\W+)\S+`),
	regexp.MustCompile(`(Cleartext-Password := )\S+`),            // FreeRADIUS's
	regexp.MustCompile(`(?m)^(Xauth password )\S+`),              // vpnc's
	regexp.MustCompile(`(?m)^(client \S+ \S+ \S+ )\S+ \S+ \S+$`), // of the lab's scripts, as the next three
	regexp.MustCompile(`(?m)^(radius \S+ key )\S+$`),
	regexp.MustCompile(`(?m)^(radius user \S+ )\S+$`),
	regexp.MustCompile(`(?m)^(radius user .*tunnel-password=)\S+`),
	regexp.MustCompile(`(?m)^( key (?:[067] )?)\S+`),
	regexp.MustCompile(`(?m)^( group \S+ key (?:[06] )?)\S+`),
	regexp.MustCompile(`(?m)^(\s*username \S+ password (?:0 )?)\S+`),
	regexp.MustCompile(`(radius-server (?:host .* )?key (?:[067] )?)\S+`),
}

// script is what the lab is told to type: input, and passwords at prompts among it.
var script = regexp.MustCompile(`(?s)-- script --\n.*?-- output --\n`)

// told is a file without its configurations.
func told(text string) string {
	text = Transcript(script.ReplaceAllString(text, ""))
	for _, r := range inConfiguration {
		text = r.ReplaceAllString(text, "$1")
	}
	return text
}

// distinct says whether a key is no word that a text may have for another
// reason.
func distinct(key string) bool {
	return len(key) >= 7 && strings.ContainsAny(key, "-0123456789_") && !strings.ContainsAny(key, "`%\\<>(")
}

// What the suite has printed and keeps has no key in it, but in the lines that
// configure it.
func TestNoKeptOutputHasAKey(t *testing.T) {
	files, keys := texts(t)
	keys = append(slices.DeleteFunc(keys, func(k string) bool { return !distinct(k) }), "mekmitasdigoat")
	var all strings.Builder
	for path, text := range files {
		files[path] = told(text)
		all.WriteString(files[path] + "\n")
	}
	if len(Find(all.String(), keys)) > 0 { // once is faster than file by file
		for path, text := range files {
			for _, found := range Find(text, keys) {
				t.Errorf("%s: %s", path, found)
			}
		}
		if !t.Failed() {
			t.Error("a key is in what no single file has")
		}
	}
	if len(files) < 200 || len(keys) < 10 {
		t.Errorf("only %d files and %d keys: the check is empty", len(files), len(keys))
	}
}

// The check sees a key that gets into a file.
func TestKeptLeakIsFound(t *testing.T) {
	_, keys := texts(t)
	const key = "lab-key-of-two"
	if !slices.Contains(keys, key) {
		t.Fatalf("the keys lack %s: %q", key, keys)
	}
	for _, line := range []string{"*Mar  1 00:00:01.000: ISAKMP: the key is " + key, `{"key":"` + key + `"}`,
		"hub#show crypto map\n  " + key, "6c61622d6b65792d6f662d74776f"} {
		if len(Find(told("hub#show version\n"+line+"\n"), keys)) == 0 {
			t.Errorf("not found: %s", line)
		}
	}
	if found := Find(told("crypto isakmp key "+key+" address 192.1.1.42\nhub#sh run\n "+key+"\n"), keys); len(found) != 0 {
		t.Errorf("found where IOS shows it: %q", found)
	}
}
