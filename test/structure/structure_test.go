package structure

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// sources parses every Go file of the module, whatever its build tags.
func sources(t *testing.T, fset *token.FileSet) []source {
	t.Helper()
	var all []source
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		s, err := parse(fset, path, text)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse(fset *token.FileSet, path string, text []byte) (source, error) {
	f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
	dir, _, _ := cutLast(path, "/")
	return source{dir: dir, path: path, test: strings.HasSuffix(path, "_test.go"), lines: bytes.Count(text, []byte("\n")), file: f}, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

func TestRules(t *testing.T) {
	fset := token.NewFileSet()
	all := sources(t, fset)
	if len(all) < 100 {
		t.Fatalf("only %d files found", len(all))
	}
	for _, s := range all {
		for _, rule := range rules {
			for _, breach := range rule(fset, s) {
				t.Error(breach)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	comments := map[string]string{}
	for _, s := range sources(t, token.NewFileSet()) {
		if !s.test {
			comments[s.dir] += text(s.file.Doc)
		}
	}
	for dir, comment := range comments {
		if len(comment) < 40 {
			t.Errorf("package %s has no comment that says what it is for", dir)
		}
	}
}

func text(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return c.Text()
}

// TestHousePointsDownward checks the table itself: that no room names one
// above it or one that is not there.
func TestHousePointsDownward(t *testing.T) {
	for i, r := range house {
		for _, path := range strings.Fields(r.may) {
			below := slices.ContainsFunc(house[i+1:], func(x room) bool { return x.path == path })
			if !below {
				t.Errorf("%s may import %s, which does not stand below it", r.path, path)
			}
		}
		if r.whyNo == "" {
			t.Errorf("%s has no reason", r.path)
		}
	}
}

// TestContributingShowsTheHouse holds the page for contributors to the table:
// the same packages in the same order.
func TestContributingShowsTheHouse(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for line := range strings.Lines(string(page)) {
		if f := strings.Fields(line); len(f) > 1 && roomOf(f[0]) != nil {
			shown = append(shown, f[0])
		}
	}
	at := func(path string) int { return slices.Index(shown, path) }
	for _, r := range house {
		if at(r.path) < 0 {
			t.Errorf("CONTRIBUTING.md does not show %s", r.path)
			continue
		}
		for _, path := range strings.Fields(r.may) {
			if at(path) < at(r.path) {
				t.Errorf("CONTRIBUTING.md shows %s above %s, which may import it", path, r.path)
			}
		}
	}
}

// TestBreachesAreFound shows each rule a breach.
func TestBreachesAreFound(t *testing.T) {
	for _, test := range []struct{ path, text, want string }{
		{"internal/ike/x.go", "package ike\nimport \"qmidle/internal/config\"\n", "internal/ike/x.go:2 imports internal/config"},
		{"internal/isakmp/x.go", "package isakmp\nimport _ \"qmidle/internal/keymat\"\n", "imports internal/keymat, but the codec"},
		{"internal/ike/x_test.go", "package ike\nimport \"qmidle/internal/lab\"\n", "imports internal/lab"},
		{"internal/new/x.go", "package new\n", "no room"},
		{"internal/ike/x.go", "package ike\nimport \"net\"\n", "imports net in internal/ike"},
		{"internal/ike/x.go", "package ike\nimport \"log/slog\"\n", "imports log/slog"},
		{"internal/trace/x.go", "package trace\nimport \"sync\"\n", "imports sync"},
		{"internal/ipsec/x.go", "package ipsec\nfunc f() { go f() }\n", "x.go:2 starts a goroutine"},
		{"internal/router/x.go", "package router\nimport \"time\"\nvar t = time.Now()\n", "uses time.Now"},
		{"internal/gateway/x_test.go", "package gateway\nfunc f() { time.Sleep(1) }\n", "sleeps"},
		{"internal/ike/x_test.go", "package ike\nfunc f(t *testing.T) { t.Skipf(\"x\") }\n", "skips"},
		{"internal/ike/x.go", "package ike\n// " + "TO" + "DO: x\n", "do it"},
		{"internal/ike/x.go", "package ike\n" + strings.Repeat("\n", maxLines), "801 lines"},
	} {
		fset := token.NewFileSet()
		s, err := parse(fset, test.path, []byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, rule := range rules {
			found = append(found, rule(fset, s)...)
		}
		if len(found) != 1 || !strings.Contains(found[0], test.want) {
			t.Errorf("%s\n%s: found %q, want %q", test.path, test.text, found, test.want)
		}
	}
	fset := token.NewFileSet()
	good, err := parse(fset, "internal/ike/x.go", []byte("package ike\nimport (\n\"net/netip\"\n\"sync/atomic\"\n\"qmidle/internal/trace\"\n)\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		if found := rule(fset, good); len(found) != 0 {
			t.Errorf("no breach, but %q", found)
		}
	}
}
