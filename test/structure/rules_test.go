package structure

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// source is a Go file of the module.
type source struct {
	dir, path string // relative to the module's root, with slashes
	test      bool
	lines     int
	file      *ast.File
}

const maxLines = 800

// rules return a sentence for each breach, with its line.
var rules = []func(*token.FileSet, source) []string{imports, purity, patience, size, promises}

// imports checks the house. Tests of a package may import more: they hold
// their package against its neighbours.
func imports(fset *token.FileSet, s source) (found []string) {
	r := roomOf(s.dir)
	if r == nil {
		return []string{fmt.Sprintf("%s: package %s has no room in the house: add it to test/structure and CONTRIBUTING.md", s.path, s.dir)}
	}
	for _, i := range s.file.Imports {
		path, ours := strings.CutPrefix(unquote(i.Path), "qmidle/")
		if !ours || s.test && path != "internal/gateway" && path != "internal/lab" {
			continue
		}
		if !slices.Contains(strings.Fields(r.may), path) {
			found = append(found, fmt.Sprintf("%s imports %s, but %s", at(fset, i), path, r.whyNo))
		}
	}
	return found
}

// world is what the pure core must not import.
var world = []string{"net", "os", "log", "sync", "syscall", "time/tzdata", "crypto/rand", "math/rand", "math/rand/v2", "unsafe",
	"golang.org/x/sys", "golang.org/x/net", "github.com", "golang.zx2c4.com"}

var worldExcept = []string{"net/netip", "net/url", "sync/atomic", "golang.org/x/sys/cpu", "github.com/klauspost/compress/s2"}

func outside(path string) bool {
	if slices.Contains(worldExcept, path) {
		return false
	}
	return slices.ContainsFunc(world, func(w string) bool { return path == w || strings.HasPrefix(path, w+"/") })
}

// clock is what of package time asks or waits for the real time.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// purity keeps goroutines, sockets, clocks, files and loggers out of the core.
func purity(fset *token.FileSet, s source) (found []string) {
	r := roomOf(s.dir)
	if r == nil || !r.pure || s.test {
		return nil
	}
	const why = "the core does no I/O, so that every run can be replayed"
	for _, i := range s.file.Imports {
		if path := unquote(i.Path); outside(path) {
			found = append(found, fmt.Sprintf("%s imports %s in %s: %s", at(fset, i), path, s.dir, why))
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			found = append(found, fmt.Sprintf("%s starts a goroutine in %s: %s", at(fset, g), s.dir, why))
		}
		if name, ok := selected(n, "time"); ok && slices.Contains(clock, name) {
			found = append(found, fmt.Sprintf("%s uses time.%s in %s: the time is an input", at(fset, n), name, s.dir))
		}
		return true
	})
	return found
}

// patience forbids tests that sleep and tests that skip.
func patience(fset *token.FileSet, s source) (found []string) {
	if !s.test {
		return nil
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if name, ok := selected(n, "time"); ok && name == "Sleep" {
			found = append(found, at(fset, n)+" sleeps: wait for a condition, or drive the clock")
		}
		for _, receiver := range []string{"t", "tb", "b", "f"} {
			if name, ok := selected(n, receiver); ok && strings.HasPrefix(name, "Skip") {
				found = append(found, at(fset, n)+" skips: what is missing is a failure")
			}
		}
		return true
	})
	return found
}

func size(_ *token.FileSet, s source) []string {
	if s.lines > maxLines {
		return []string{fmt.Sprintf("%s has %d lines, more than %d: divide it by subject", s.path, s.lines, maxLines)}
	}
	return nil
}

// promises are comments that say what is not done.
func promises(fset *token.FileSet, s source) (found []string) {
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			for _, word := range []string{"TO" + "DO", "FIX" + "ME", "X" + "XX"} {
				if strings.Contains(c.Text, word) {
					found = append(found, fmt.Sprintf("%s says %s: do it, or write it into docs/divergences.md", at(fset, c), word))
				}
			}
		}
	}
	return found
}

// selected is the name of an expression such as pkg.Name.
func selected(n ast.Node, pkg string) (string, bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	id, ok := sel.X.(*ast.Ident)
	return sel.Sel.Name, ok && id.Name == pkg
}

func at(fset *token.FileSet, n ast.Node) string {
	p := fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

func unquote(lit *ast.BasicLit) string {
	s, _ := strconv.Unquote(lit.Value)
	return s
}
