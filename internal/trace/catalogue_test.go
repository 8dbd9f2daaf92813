package trace

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const catalogueFile = "../../docs/trace-catalogue.md"

// TestCatalogue keeps docs/trace-catalogue.md as the code is.
func TestCatalogue(t *testing.T) {
	got := catalogue(t)
	if *update {
		if err := os.WriteFile(catalogueFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); write it anew with -update:\n%s", catalogueFile, diff)
	}
}

const catalogueHead = `# Catalogue of events

Every decision of the gateway is an event. ` + "`debug`" + ` and system messages, ` + "`show crypto isakmp history`" + `, ` + "`ladder`" + ` and
` + "`explain`" + ` are made of events and of nothing else. This page is made from the code by
` + "`go test ./internal/trace -run TestCatalogue -update`" + `. Codes, fields and names do not change; new ones may be added.

## An event as JSON

` + "`show crypto isakmp history | json`" + ` has a list of such objects:

    %s
| Member | |
|---|---|
| ` + "`time`" + ` | When, RFC 3339 in UTC |
| ` + "`event`" + ` | The code, below |
| ` + "`local`, `remote`" + ` | Address and port; absent where there is none |
| ` + "`peer`, `sa`" + ` | Numbers of the peer and of the ISAKMP SA in this gateway, from 1; 0 is none |
| ` + "`conn`" + ` | The conn-id of ` + "`show crypto isakmp sa`" + `; 0 before it is allocated |
| ` + "`role`" + ` | ` + "`I`" + ` we began the SA, ` + "`R`" + ` the peer did, ` + "`N`" + ` there is none yet |
| ` + "`state`" + ` | The SA's, as in ` + "`show crypto isakmp sa`" + ` |
| ` + "`fields`" + ` | The event's own, below |

Of the kinds of fields, octets are in hexadecimal, an address that is not known is ` + "`\"\"`" + `, and attributes are the data
attributes of a transform in the order of the wire, each with ` + "`type` and `value`" + `. Names of this project's are listed at
the end, ` + "`unknown`" + ` is what has none; those of the wire are the RFCs', with the number where there is none, as in
` + "`notify type 99`" + `.

## Events
`

func catalogue(t *testing.T) string {
	src := readSources(t)
	samples := samplesOf()
	example := samples[CodeIKETransformRefused].record
	var b strings.Builder
	fmt.Fprintf(&b, catalogueHead, AppendJSON(nil, &example))
	for code := CodeNone + 1; code < NumCodes; code++ {
		describeEvent(t, &b, src, code, samples[code])
	}
	listMessages(t, &b, samples)
	b.WriteString("\n## Names\n\n| Type | Names |\n|---|---|\n")
	for _, v := range namesOfTypes() {
		fmt.Fprintf(&b, "| %s | %s |\n", v.name, strings.Join(v.values, ", "))
	}
	return b.String()
}

func describeEvent(t *testing.T, b *strings.Builder, src *sources, code Code, s *sample) {
	name := reflect.TypeOf(code.New()).Elem().Name()
	doc := src.docs[name]
	if doc == "" {
		t.Errorf("%s has no comment", name)
	}
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n", code, src.plain(name, doc))
	if fields := code.Describe(); len(fields) > 0 {
		b.WriteString("\n| Field | Kind | |\n|---|---|---|\n")
		for _, f := range fields {
			kind := f.Kind
			if typ := src.types[name][f.Name]; kind == "name" && vocabulary(code, typ) != "" {
				kind = "name (" + vocabulary(code, typ) + ")"
			}
			comment := src.plain(name, src.comments[name][f.Name])
			fmt.Fprintf(b, "| `%s` | %s |%s |\n", f.Name, kind, strings.TrimRight(" "+comment, " "))
		}
	}
	for _, d := range debugs {
		if text := s.text[d.set]; text != "" {
			fmt.Fprintf(b, "\n%s\n\n%s", d.name, text)
		}
	}
	if owners[code] == 0 {
		b.WriteString("\nIOS has no words for it.\n")
	}
}

var debugs = []struct {
	set  debugSet
	ios  IOS
	name string
}{
	{debugISAKMP, IOS{ISAKMP: true}, "`debug crypto isakmp`:"},
	{debugIPsec, IOS{IPsec: true}, "`debug crypto ipsec`:"},
	{debugEngine, IOS{Engine: true}, "`debug crypto engine`:"},
	{debugPKIMessages, IOS{PKIMessages: true}, "`debug crypto pki messages`:"},
	{debugPKITransactions, IOS{PKITransactions: true}, "`debug crypto pki transactions`:"},
	{debugPKIValidation, IOS{PKIValidation: true}, "`debug crypto pki validation`:"},
	{debugAAAAuthentication, IOS{AAAAuthentication: true}, "`debug aaa authentication`:"},
	{debugAAAAuthorization, IOS{AAAAuthorization: true}, "`debug aaa authorization`:"},
	{debugRADIUS, IOS{RADIUS: true}, "`debug radius`:"},
	{systemMessage, IOS{}, "System message:"},
	{sessionMessage, IOS{Sessions: true}, "System message, with `crypto logging session`:"},
}

// sample is an event that a test prints, with its text under each debug that
// owns it, indented.
type sample struct {
	record   Record
	text     map[debugSet]string
	messages map[string]string // system messages by mnemonic
}

// samplesOf prints the events of the golden files, of each the first that a
// debug has words for.
func samplesOf() map[Code]*sample {
	samples := map[Code]*sample{}
	all := families()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, r := range all[name] {
			code := r.Event.Code()
			s := samples[code]
			if s == nil {
				s = &sample{record: r, text: map[debugSet]string{}, messages: map[string]string{}}
				samples[code] = s
			}
			for _, d := range debugs {
				if owners[code]&d.set != 0 {
					s.print(d.set, d.ios, &r)
				}
			}
		}
	}
	return samples
}

var mnemonic = regexp.MustCompile(`^%[A-Z_]+-[0-7]-[A-Z0-9_]+`)

func (s *sample) print(set debugSet, ios IOS, r *Record) {
	lines := string(ios.Append(nil, r))
	var text strings.Builder
	for line := range strings.Lines(lines) {
		system := mnemonic.FindString(line)
		if system != "" && s.messages[system] == "" {
			s.messages[system] = strings.TrimSuffix(line, "\n")
		}
		if line = strings.TrimRight(line, " \n"); line != "" && (system != "") == (set&(systemMessage|sessionMessage) != 0) {
			text.WriteString("    " + line + "\n")
		}
	}
	if s.text[set] == "" {
		s.text[set] = text.String()
	}
}

// recalled are the messages whose text, or part of it, is known from nobody's
// router or manual. The others were seen in one.
var recalled = []string{"IKMP_UNK_EXCHANGE", "IKMP_CRYPT_FAILURE", "IKMP_BAD_DOI_SA", "IKMP_BAD_DOI_NOTIFY", "IKMP_PKT_OVERFLOW",
	"IKE_DENY_SA_REQ", "SESSION_STATUS", "LOGGER_DROPPED", "CERTREJ", "CERTPENDING", "CERTFAIL", "CERTIFICATE_REVOKED"}

// missing are messages of IOS that are not logged, and why.
var missing = []struct{ mnemonics, why string }{
	{"CRYPTO-4-RECVD_PKT_INV_IDENTITY CRYPTO-4-RECVD_PKT_MAC_ERR CRYPTO-4-PKT_REPLAY_ERR",
		"Such packets are counted by reason: `show crypto ipsec sa detail`. Nothing on the packet path logs."},
	{"CRYPTO-6-IKMP_BAD_CERT_USE CRYPTO-3-IKMP_QUERY_KEY " +
		"CRYPTO_ENGINE-5-KEY_ADDITION PKI-6-TRUSTPOINT_CREATE", "With certificates."},
	{"CRYPTO-6-VPN_TUNNEL_STATUS", "With `crypto logging ezvpn`."},
	{"LINK-3-UPDOWN LINEPROTO-5-UPDOWN", "With tunnel interfaces."},
	{"CRYPTO-5-IKMP_SETUP_FAILURE", "Release 15's; `explain` says more."},
	{"CRYPTO-3-IKE_PAK_IN_Q_TIME_LIMIT_EXCEED CRYPTO-4-IKMP_HASH_SIZE_EXCEEDED SYS-5-CONFIG_I", "Not planned."},
}

func listMessages(t *testing.T, b *strings.Builder, samples map[Code]*sample) {
	b.WriteString("\n## System messages\n\nThey need no debug. The digit is the severity, as IOS has it. " +
		"Texts in italics are recalled, and not seen in a source.\n\n| Message | Event |\n|---|---|\n")
	text, event := map[string]string{}, map[string]Code{}
	for code, s := range samples {
		for m, line := range s.messages {
			text[m], event[m] = line, code
		}
	}
	for _, m := range slices.Sorted(maps.Keys(text)) {
		shown := "`" + text[m] + "`"
		if _, short, _ := cut3(m); slices.Contains(recalled, short) {
			shown = "*" + shown + "*"
		}
		fmt.Fprintf(b, "| %s | `%s` |\n", shown, event[m])
	}
	b.WriteString("\n| IOS also has | |\n|---|---|\n")
	for _, x := range missing {
		for _, m := range strings.Fields(x.mnemonics) {
			if text["%"+m] != "" {
				t.Errorf("%s is logged, and listed among those that are not", m)
			}
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.Join(strings.Fields(x.mnemonics), "`, `"), x.why)
	}
	for _, m := range recalled {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(text)), func(s string) bool { _, short, _ := cut3(s); return short == m }) {
			t.Errorf("%s is recalled, and never logged", m)
		}
	}
}

// cut3 splits `%CRYPTO-6-IKMP_AUTH_FAIL`.
func cut3(m string) (facility, name string, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(m, "%"), "-", 3)
	return parts[0], parts[len(parts)-1], len(parts) == 3
}

// Every system message of the source is in the page.
func TestCatalogueHasEverySystemMessage(t *testing.T) {
	page, err := os.ReadFile(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	inSource := regexp.MustCompile(`"%%([A-Z_]+-[0-7]-[A-Z0-9_]+): `)
	found := 0
	for _, file := range sourceFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inSource.FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.Contains(string(page), "%"+m[1]+": ") {
				t.Errorf("%s prints %s, which the page does not have", file, m[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d messages found", found)
	}
}

func sourceFiles(t *testing.T) []string {
	t.Helper()
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
}

// sources is what the comments of this package say of its events: of the struct,
// and of each field by its name in JSON, with the field's Go name in types.
type sources struct {
	docs            map[string]string
	comments, types map[string]map[string]string
}

func readSources(t *testing.T) *sources {
	t.Helper()
	src := &sources{docs: map[string]string{}, comments: map[string]map[string]string{}, types: map[string]map[string]string{}}
	structs := map[string]*ast.StructType{}
	visits := map[string]*ast.FuncDecl{}
	fset := token.NewFileSet()
	for _, file := range sourceFiles(t) {
		f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok {
						if st, ok := ts.Type.(*ast.StructType); ok {
							structs[ts.Name.Name] = st
							src.docs[ts.Name.Name] = oneLine(d.Doc.Text())
						}
					}
				}
			case *ast.FuncDecl:
				if strings.EqualFold(d.Name.Name, "fields") && d.Recv != nil {
					visits[receiver(d)] = d
				}
			}
		}
	}
	for name, visit := range visits {
		if structs[name] != nil {
			src.comments[name], src.types[name] = map[string]string{}, map[string]string{}
			src.read(name, structs, visits, name, visit)
		}
	}
	return src
}

// plain is a comment for who does not read the code: without the name of the
// struct, and with fields as they are in JSON.
func (src *sources) plain(event, text string) string {
	for _, lead := range []string{event + " is ", event + " are "} {
		if rest, ok := strings.CutPrefix(text, lead); ok {
			text = strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	if rest, ok := strings.CutPrefix(text, event+" says"); ok {
		text = "Says" + rest
	}
	for json, field := range src.types[event] {
		if words := []string{"For", "To", "From", "What", "Next", "Data", "ID", "SPI"}; !slices.Contains(words, field) {
			text = regexp.MustCompile(`\b`+field+`\b`).ReplaceAllString(text, "`"+json+"`")
		}
	}
	return text
}

func receiver(d *ast.FuncDecl) string {
	if star, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok {
		return star.X.(*ast.Ident).Name
	}
	return ""
}

// read walks a Fields method: each call that names a field of the struct.
func (src *sources) read(event string, structs map[string]*ast.StructType, visits map[string]*ast.FuncDecl, name string, visit *ast.FuncDecl) {
	comments := fieldComments(structs[name])
	ast.Inspect(visit.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		json, field := "", ""
		for _, arg := range call.Args {
			switch a := arg.(type) {
			case *ast.BasicLit:
				json, _ = strconv.Unquote(a.Value)
			case *ast.UnaryExpr:
				if sel, ok := a.X.(*ast.SelectorExpr); ok {
					field = sel.Sel.Name
				}
			}
		}
		if json != "" && field != "" {
			src.comments[event][json], src.types[event][json] = comments[field], field
		}
		// An embedded struct has its fields visited by its own method.
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "fields" && len(call.Args) == 1 && name != "Contents" {
			if inner := visits["Contents"]; inner != nil && embeds(structs[name], "Contents") {
				src.read(event, structs, visits, "Contents", inner)
			}
		}
		return true
	})
}

func embeds(st *ast.StructType, name string) bool {
	return slices.ContainsFunc(st.Fields.List, func(f *ast.Field) bool {
		id, ok := f.Type.(*ast.Ident)
		return ok && len(f.Names) == 0 && id.Name == name
	})
}

func fieldComments(st *ast.StructType) map[string]string {
	out := map[string]string{}
	for _, f := range st.Fields.List {
		for _, n := range f.Names {
			out[n.Name] = oneLine(f.Doc.Text() + " " + f.Comment.Text())
		}
	}
	return out
}

func oneLine(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}

// vocabulary is the type of an event's field if it is one of trace's names.
func vocabulary(code Code, field string) string {
	f, ok := reflect.TypeOf(code.New()).Elem().FieldByName(field)
	if !ok || !strings.HasSuffix(f.Type.PkgPath(), "/trace") || f.Type.Kind() != reflect.Uint8 {
		return ""
	}
	return f.Type.Name()
}

type vocab struct {
	name   string
	values []string
}

// namesOfTypes lists the names of every type that an event or a context has.
func namesOfTypes() []vocab {
	types := map[string]reflect.Type{}
	collect := func(st reflect.Type) {
		for i := range st.NumField() {
			if f := st.Field(i).Type; strings.HasSuffix(f.PkgPath(), "/trace") && f.Kind() == reflect.Uint8 {
				types[f.Name()] = f
			}
		}
	}
	collect(reflect.TypeFor[Context]())
	for code := CodeNone + 1; code < NumCodes; code++ {
		collect(reflect.TypeOf(code.New()).Elem())
	}
	var all []vocab
	for _, name := range slices.Sorted(maps.Keys(types)) {
		v := vocab{name: name}
		for n := range 256 {
			x := reflect.New(types[name]).Elem()
			x.SetUint(uint64(n))
			word := x.Interface().(fmt.Stringer).String()
			if word == "unknown" {
				break
			}
			v.values = append(v.values, "`"+word+"`")
		}
		all = append(all, v)
	}
	return all
}
