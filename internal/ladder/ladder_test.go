package ladder

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	here  = netip.MustParseAddrPort("192.1.1.40:500")
	there = netip.MustParseAddrPort("192.1.1.42:500")
	start = time.Date(2005, time.March, 1, 23, 59, 58, 0, time.UTC)
)

func contents(x isakmp.ExchangeType, encrypted bool, notify isakmp.NotifyType, payloads ...isakmp.PayloadType) trace.Contents {
	c := trace.Contents{Exchange: x, Encrypted: encrypted, Length: 100, Notify: notify}
	for _, p := range payloads {
		c.Payloads.Add(p)
	}
	return c
}

// story is an initiator whose peer answers message 1 late, and whose message 5
// has no answer, over midnight.
func story() []trace.Record {
	ctx := trace.Context{Local: here, Remote: there, Peer: 1, SA: 1, Role: trace.RoleInitiator, State: trace.MMNoState}
	var records []trace.Record
	now := start
	add := func(after time.Duration, events ...trace.Event) {
		now = now.Add(after)
		for _, e := range events {
			records = append(records, trace.Record{Time: now, Context: ctx, Event: e})
		}
	}
	main := isakmp.ExchangeIdentity
	sa, vid, ke, nonce, id, hash := isakmp.PayloadSA, isakmp.PayloadVendorID, isakmp.PayloadKE, isakmp.PayloadNonce, isakmp.PayloadID, isakmp.PayloadHash
	add(0, &trace.SAInserted{}, &trace.PacketSent{Contents: contents(main, false, 0, sa, vid, vid, vid)})
	add(time.Second, &trace.PacketSent{Again: true, Contents: contents(main, false, 0)})
	add(500*time.Millisecond, &trace.PacketReceived{Contents: contents(main, false, 0, sa, vid)})
	ctx.Conn, ctx.State = 1, trace.MMSASetup
	add(0, &trace.PacketSent{Contents: contents(main, false, 0, ke, nonce, vid, isakmp.PayloadNATD, isakmp.PayloadNATD)})
	add(time.Second, &trace.PacketReceived{Contents: contents(main, false, 0, ke, nonce, isakmp.PayloadNATDDraft, isakmp.PayloadNATDDraft)},
		&trace.NATDetected{LocalBehindNAT: true, RemoteBehindNAT: true})
	ctx.State = trace.MMKeyExch
	add(0, &trace.PacketSent{Contents: contents(main, true, isakmp.NotifyInitialContact, id, isakmp.PayloadCert, isakmp.PayloadCertRequest,
		isakmp.PayloadSignature, hash, isakmp.PayloadNotify)}, &trace.MessageFragmented{Sent: true, Count: 3, Size: 1500})
	for range 3 {
		add(time.Second, &trace.PacketDropped{Reason: trace.DropState, Exchange: isakmp.ExchangeQuick})
	}
	add(time.Second, &trace.SADeleting{Reason: trace.ReasonRetransmission})
	return records
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

func TestStyles(t *testing.T) {
	l := Of(there.Addr(), story(), 17)
	for name, style := range map[string]Style{"ascii": {}, "utf8": {UTF8: true}, "color": {UTF8: true, Color: true}} {
		golden(t, name+".golden", l.Text(style))
	}
	encoded, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "json.golden", string(encoded)+"\n")
}

// Colour adds nothing but colour.
func TestColorIsAllThatColorAdds(t *testing.T) {
	l := Of(there.Addr(), story(), 0)
	plain, colored := l.Text(Style{UTF8: true}), l.Text(Style{UTF8: true, Color: true})
	for _, code := range []string{red, green, yellow, bold, "0"} {
		colored = strings.ReplaceAll(colored, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(plain, colored); diff != "" {
		t.Errorf("(-plain +colored):\n%s", diff)
	}
}

// Two SAs with one peer are two sections, and a first message is in its SA's,
// although it came before there was one.
func TestSectionsAreSAs(t *testing.T) {
	ctx := trace.Context{Local: here, Remote: there}
	first := contents(isakmp.ExchangeIdentity, false, 0, isakmp.PayloadSA)
	var records []trace.Record
	for sa := range uint32(2) {
		records = append(records, trace.Record{Time: start, Context: ctx, Event: &trace.PacketReceived{Contents: first}})
		inSA := ctx
		inSA.SA, inSA.Role, inSA.State = sa+1, trace.RoleResponder, trace.MMNoState
		records = append(records, trace.Record{Time: start, Context: inSA, Event: &trace.SAInserted{}})
	}
	records = append(records, trace.Record{Time: start, Context: ctx, Event: &trace.PacketReceived{Contents: first}})
	l := Of(there.Addr(), records, 0)
	if len(l.Sections) != 3 {
		t.Fatalf("%d sections, want 3", len(l.Sections))
	}
	for i, want := range []uint32{1, 2, 0} {
		if s := l.Sections[i]; s.SA != want || len(s.Steps) != 1 || s.Steps[0].Message.Label != "MM1" {
			t.Errorf("section %d: %+v", i+1, s)
		}
	}
}

// fill draws a value of any kind that events have.
func fill(t *rapid.T, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "address")})
		return
	case *trace.PayloadList:
		for _, k := range rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "payloads") {
			p.Add(isakmp.PayloadType(k))
		}
		return
	case *time.Time:
		*p = start.Add(time.Duration(rapid.Uint16().Draw(t, "seconds")) * time.Second)
		return
	case *netip.AddrPort:
		*p = netip.AddrPortFrom(there.Addr(), rapid.Uint16().Draw(t, "port"))
		return
	case *netip.Prefix:
		*p = netip.PrefixFrom(there.Addr(), 24)
		return
	case *[]byte:
		*p = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "octets")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64Range(0, 40).Draw(t, "number"))
	default:
		t.Fatalf("no generator for %s", v.Type())
	}
}

// The longest state of all does not make a line longer, on either side.
func TestLongestStates(t *testing.T) {
	records := []trace.Record{{Time: start, Context: trace.Context{Local: here, Remote: there, SA: 1, State: trace.AGInitExch},
		Event: &trace.PacketReceived{Contents: contents(isakmp.ExchangeAggressive, false, 0)}}}
	l := Of(there.Addr(), records, 0)
	l.Sections[0].Steps[0].Message.PeerState = trace.AGInitExch.String()
	text := l.Text(Style{})
	if want := "23:59:58.000 AG_INIT_EXCH|<"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	if want := "|AG_INIT_EXCH\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}

// A message of aggressive mode has its number though those before it are gone.
func TestAggressiveModeWithoutItsBeginning(t *testing.T) {
	sa, hash := isakmp.PayloadSA, isakmp.PayloadHash
	for want, c := range map[string]trace.Contents{
		"AM1": contents(isakmp.ExchangeAggressive, false, 0, sa, isakmp.PayloadKE, isakmp.PayloadNonce, isakmp.PayloadID),
		"AM2": contents(isakmp.ExchangeAggressive, false, 0, sa, isakmp.PayloadKE, isakmp.PayloadID, isakmp.PayloadNonce, hash),
		"AM3": contents(isakmp.ExchangeAggressive, true, 0, hash),
	} {
		l := Of(there.Addr(), []trace.Record{{Time: start, Context: trace.Context{Local: here, Remote: there, SA: 1, State: trace.AGInitExch, Role: trace.RoleResponder},
			Event: &trace.PacketSent{Contents: c}}}, 1)
		if got := l.Sections[0].Steps[0].Message.Label; got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	}
}

// Whatever was recorded, in whatever order, is drawn within 79 columns, without
// a control character, and with each message once.
func TestDrawsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []trace.Record
		messages := 0
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			e := trace.Code(rapid.Uint8Range(1, uint8(trace.NumCodes)-1).Draw(t, "code")).New()
			fill(t, reflect.ValueOf(e).Elem())
			switch e.(type) {
			case *trace.PacketSent, *trace.PacketReceived, *trace.DuplicateReceived:
				messages++
			}
			records = append(records, trace.Record{Time: start.Add(time.Duration(len(records)) * 7 * time.Hour), Event: e,
				Context: trace.Context{Local: here, Remote: there, SA: rapid.Uint32Max(2).Draw(t, "SA"), Conn: rapid.Uint32().Draw(t, "conn"),
					Role: trace.Role(rapid.Uint8Max(3).Draw(t, "role")), State: trace.ShowState(rapid.Uint8Max(12).Draw(t, "state"))}})
		}
		l := Of(there.Addr(), records, 0)
		drawn := 0
		for _, s := range l.Sections {
			for _, step := range s.Steps {
				if step.Message != nil {
					drawn++
				}
			}
		}
		if drawn != messages {
			t.Fatalf("%d messages drawn, %d recorded", drawn, messages)
		}
		for line := range strings.Lines(l.Text(Style{UTF8: rapid.Bool().Draw(t, "utf8")})) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > columns {
				t.Fatalf("%d columns: %q", n, line)
			}
			for _, r := range line {
				if r < ' ' || r == 0x7f || r == utf8.RuneError {
					t.Fatalf("%U in %q", r, line)
				}
			}
		}
		if _, err := json.Marshal(l); err != nil {
			t.Fatal(err)
		}
	})
}
