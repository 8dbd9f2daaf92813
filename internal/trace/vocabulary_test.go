package trace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
)

// vocabularies has the String of each type of vocabulary.go.
var vocabularies = map[string]func(uint8) string{
	"Role":             func(n uint8) string { return Role(n).String() },
	"ShowState":        func(n uint8) string { return ShowState(n).String() },
	"State":            func(n uint8) string { return State(n).String() },
	"Source":           func(n uint8) string { return Source(n).String() },
	"Input":            func(n uint8) string { return Input(n).String() },
	"IKEAttr":          func(n uint8) string { return IKEAttr(n).String() },
	"IPsecAttr":        func(n uint8) string { return IPsecAttr(n).String() },
	"Reason":           func(n uint8) string { return Reason(n).String() },
	"NodeReason":       func(n uint8) string { return NodeReason(n).String() },
	"ErrorCount":       func(n uint8) string { return ErrorCount(n).String() },
	"Drop":             func(n uint8) string { return Drop(n).String() },
	"NATTVersion":      func(n uint8) string { return NATTVersion(n).String() },
	"RefKind":          func(n uint8) string { return RefKind(n).String() },
	"RefUser":          func(n uint8) string { return RefUser(n).String() },
	"PKIStatus":        func(n uint8) string { return PKIStatus(n).String() },
	"PKIOutcome":       func(n uint8) string { return PKIOutcome(n).String() },
	"SignatureProblem": func(n uint8) string { return SignatureProblem(n).String() },
	"CryptoOp":         func(n uint8) string { return CryptoOp(n).String() },
}

// Every constant of vocabulary.go has a name of its own, and there is no name
// too many.
func TestVocabularyNames(t *testing.T) {
	counts := constants(t, "vocabulary.go")
	for typ, count := range counts {
		name := vocabularies[typ]
		if name == nil {
			t.Errorf("type %s is not tested", typ)
			continue
		}
		seen := map[string]bool{}
		for n := range count {
			got := name(uint8(n))
			if n == count-1 && typ == "IKEAttr" || n == count-1 && typ == "IPsecAttr" {
				continue // "unknown" is what these constants mean
			}
			if got == "" || got == "unknown" || seen[got] {
				t.Errorf("%s %d is named %q", typ, n, got)
			}
			seen[got] = true
		}
		if got := name(uint8(count)); got != "unknown" {
			t.Errorf("%s %d, which is no constant, is named %q", typ, count, got)
		}
	}
	if len(counts) != len(vocabularies) {
		t.Errorf("%d types in the file, %d tested", len(counts), len(vocabularies))
	}
}

// constants counts the values of each enumeration of a file. A constant whose
// name begins with Num is a count and no value.
func constants(t *testing.T, file string) map[string]int {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, decl := range parsed.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		typ := block.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident).Name
		for _, spec := range block.Specs {
			if !strings.HasPrefix(spec.(*ast.ValueSpec).Names[0].Name, "Num") {
				counts[typ]++
			}
		}
	}
	return counts
}

// Attribute names are those of JSON; each must differ from the others.
func TestAttributeNames(t *testing.T) {
	for kind, names := range map[string]map[isakmp.AttributeType]string{"IKE": ikeAttributeNames, "IPsec": ipsecAttributeNames} {
		seen := map[string]isakmp.AttributeType{}
		for typ, name := range names {
			if other, ok := seen[name]; ok || name == "" {
				t.Errorf("%s attributes %d and %d are both %q", kind, typ, other, name)
			}
			seen[name] = typ
		}
	}
}
