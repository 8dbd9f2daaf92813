package structure

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The tests that docs/bad-input.md names exist, and run without tags.
func TestBadInputNamesTestsThatExist(t *testing.T) {
	exist := map[string]bool{}
	for _, s := range sources(t, token.NewFileSet()) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil && !tagged(s.file) {
				exist[f.Name.Name] = true
			}
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/bad-input.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*`).FindAllString(string(page), -1)
	if len(named) < 50 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !exist[name] {
			t.Errorf("there is no test %s", name)
		}
	}
}

// tagged says whether a file is built under a tag only.
func tagged(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if constraint.IsGoBuild(c.Text) {
				return true
			}
		}
	}
	return false
}
