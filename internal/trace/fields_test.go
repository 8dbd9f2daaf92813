package trace

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
)

// drawEvent fills every field of an event of this code.
func drawEvent(t *rapid.T, code Code) Event {
	e := code.New()
	drawValue(t, reflect.ValueOf(e).Elem())
	return e
}

func drawValue(t *rapid.T, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		*p = drawAddr(t)
		return
	case *netip.AddrPort:
		if *p = netip.AddrPortFrom(drawAddr(t), rapid.Uint16().Draw(t, "port")); !p.Addr().IsValid() {
			*p = netip.AddrPort{}
		}
		return
	case *PayloadList:
		for _, kind := range rapid.SliceOfN(rapid.SampledFrom([]isakmp.PayloadType{sa, ke, id, vid, isakmp.PayloadNone, 200}), 0, 20).Draw(t, "payloads") {
			p.Add(kind)
		}
		return
	case *[]byte:
		*p = rapid.SliceOfN(rapid.Byte(), 1, MaxFieldBytes).Draw(t, "octets")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			drawValue(t, v.Field(i))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.String:
		v.SetString(rapid.StringN(0, MaxFieldBytes/4, MaxFieldBytes).Draw(t, "text"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8().Draw(t, "u8")))
	case reflect.Uint16:
		v.SetUint(uint64(rapid.Uint16().Draw(t, "u16")))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, "u32")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "u64"))
	default:
		t.Fatalf("no generator for %s", v.Type())
	}
}

func drawAddr(t *rapid.T) netip.Addr {
	switch rapid.IntRange(0, 2).Draw(t, "family") {
	case 0:
		return netip.Addr{}
	case 1:
		return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4")))
	}
	return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "IPv6")))
}

func equalEvents(a, b Event) bool { return reflect.DeepEqual(a, b) }

func TestEveryCodeHasAnEvent(t *testing.T) {
	names := map[string]Code{}
	for code := CodeNone + 1; code < NumCodes; code++ {
		e := code.New()
		if e == nil {
			t.Errorf("code %d has no event", code)
			continue
		}
		if e.Code() != code {
			t.Errorf("the event of code %d says %d", code, e.Code())
		}
		name := code.String()
		if other, ok := names[name]; ok {
			t.Errorf("codes %d and %d are both %q", code, other, name)
		}
		names[name] = code
		if want := snakeCase(reflect.TypeOf(e).Elem().Name()); name != want {
			t.Errorf("%T is named %q, want %q", e, name, want)
		}
	}
	if got := NumCodes.New(); got != nil {
		t.Errorf("a number past the codes makes %T", got)
	}
}

func snakeCase(s string) string {
	// Initialisms that the pattern below would cut in two.
	s = strings.NewReplacer("IPsec", "Ipsec", "SPIs", "Spis", "SAs", "Sas", "NATTV", "NattV").Replace(s)
	s = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(s, "${1}_$2")
	s = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`).ReplaceAllString(s, "${1}_$2")
	return strings.ToLower(s)
}

func TestEventsRoundTrip(t *testing.T) {
	for code := CodeNone + 1; code < NumCodes; code++ {
		t.Run(code.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := drawEvent(t, code)
				enc := Fields{mode: encodeFields}
				want.Fields(&enc)
				got := code.New()
				dec := Fields{mode: decodeFields, in: enc.buf}
				got.Fields(&dec)
				if dec.broken || len(dec.in) != 0 {
					t.Fatalf("decoding leaves %d octets, broken %v", len(dec.in), dec.broken)
				}
				if !equalEvents(want, got) {
					t.Fatalf("got %+v, want %+v", got, want)
				}
			})
		})
	}
}

// A field that is cut short decodes to nothing rather than to something else.
func TestDecodingTruncatedEvents(t *testing.T) {
	for code := CodeNone + 1; code < NumCodes; code++ {
		enc := Fields{mode: encodeFields}
		code.New().Fields(&enc)
		if len(enc.buf) == 0 {
			continue
		}
		dec := Fields{mode: decodeFields, in: enc.buf[:len(enc.buf)-1]}
		code.New().Fields(&dec)
		if !dec.broken {
			t.Errorf("%s: nobody notices that the last octet is missing", code)
		}
	}
}

var fieldName = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

func TestDescribe(t *testing.T) {
	for code := CodeNone + 1; code < NumCodes; code++ {
		seen := map[string]bool{}
		for _, doc := range code.Describe() {
			if !fieldName.MatchString(doc.Name) || seen[doc.Name] {
				t.Errorf("%s: bad or repeated field name %q", code, doc.Name)
			}
			seen[doc.Name] = true
		}
	}
	want := []FieldDoc{{"peer", "address"}, {"found", "boolean"}, {"keyring", "text"}}
	if diff := cmp.Diff(want, CodeKeyLookup.Describe()); diff != "" {
		t.Errorf("key_lookup (-want +got):\n%s", diff)
	}
	if NumCodes.Describe() != nil {
		t.Error("a number past the codes has fields")
	}
}

func TestFieldsAreBounded(t *testing.T) {
	e := &IDPayload{Data: make([]byte, 70000)}
	enc := Fields{mode: encodeFields}
	e.Fields(&enc)
	if len(enc.buf) > MaxFieldBytes+20 {
		t.Errorf("an identity of 70000 octets takes %d", len(enc.buf))
	}
	var got IDPayload
	got.Fields(&Fields{mode: decodeFields, in: enc.buf})
	if len(got.Data) != MaxFieldBytes {
		t.Errorf("kept %d octets", len(got.Data))
	}
	if line := AppendJSON(nil, &Record{Event: e}); len(line) > 2*MaxFieldBytes+500 {
		t.Errorf("its JSON takes %d", len(line))
	}
}

// JSON has every field that Describe lists, in that order, and nothing else.
func TestJSONCarriesEveryField(t *testing.T) {
	for code := CodeNone + 1; code < NumCodes; code++ {
		t.Run(code.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				line := AppendJSON(nil, &Record{Time: time.Unix(1, 1), Event: drawEvent(t, code)})
				var object struct {
					Event  string
					Fields json.RawMessage
				}
				if err := json.Unmarshal(line, &object); err != nil {
					t.Fatalf("%v in %s", err, line)
				}
				var want []string
				for _, doc := range code.Describe() {
					want = append(want, doc.Name)
				}
				if diff := cmp.Diff(want, members(t, object.Fields)); diff != "" || object.Event != code.String() {
					t.Fatalf("event %q, fields (-want +got):\n%s", object.Event, diff)
				}
			})
		})
	}
}

// members lists the names of an object in their order.
func members(t *rapid.T, object json.RawMessage) []string {
	var names []string
	dec := json.NewDecoder(strings.NewReader(string(object)))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// A vendor ID that is known takes a few octets of the recorder, and comes back
// as it was, with what its peer added.
func TestVendorIDsAreShortInTheRecorder(t *testing.T) {
	for _, want := range []*VendorIDReceived{
		{isakmp.VendorDPD, []byte(isakmp.VIDDPD)},
		{isakmp.VendorRFC3947, []byte(isakmp.VIDRFC3947)},
		{isakmp.VendorFragmentation, []byte(isakmp.VIDFragmentation + "\x80\x00\x00\x00")},
		{isakmp.VendorUnknown, []byte("no one knows")},
		{isakmp.VendorDPD, []byte("not DPD's octets")},
	} {
		enc := Fields{mode: encodeFields}
		want.Fields(&enc)
		var got VendorIDReceived
		got.Fields(&Fields{mode: decodeFields, in: enc.buf})
		if !equalEvents(want, &got) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if known := string(want.Bytes[:4]) == want.ID.Bytes()[:min(4, len(want.ID.Bytes()))]; known && len(enc.buf) > 8 {
			t.Errorf("%s takes %d octets", want.ID, len(enc.buf))
		}
	}
}
