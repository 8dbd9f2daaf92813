package router

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// noPlane is a data plane that no SA reaches.
type noPlane struct{}

func (noPlane) Install(ipsec.SAParams) error                 { return nil }
func (noPlane) Remove(ike.RemovedSA)                         {}
func (noPlane) AcquireFailed(uint32, int)                    {}
func (noPlane) AddInstance(uint32, ipsec.PolicyEntry) error  { return nil }
func (noPlane) RemoveInstance(uint32) error                  { return nil }
func (noPlane) LastPackets(uint32) (in, out time.Time)       { return in, out }
func (noPlane) Counters(uint32, uint32) (c console.Counters) { return c }
func (noPlane) Drops() (c ipsec.DropCounts)                  { return c }

func newRouter(t *testing.T, cfg *config.Config, text func([]byte)) *Router {
	t.Helper()
	r, err := New(Options{Config: cfg, DataPlane: noPlane{}, Rand: rand.NewChaCha8([32]byte{}), Text: text, Limits: trace.DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tags(conns []*ike.Connection) (all []uint32) {
	for _, c := range conns {
		all = append(all, c.Tag)
	}
	return all
}

func TestTagsStayWithWhatIsNegotiatedAsBefore(t *testing.T) {
	second := "crypto map M 20 ipsec-isakmp\n set peer 192.1.1.43\n set transform-set A\n match address VPN\n"
	r := newRouter(t, load(t, plainACL, second), nil)
	for _, step := range []struct {
		what, acl, entry string
		want             []uint32
	}{
		{"nothing changes", plainACL, second, []uint32{1, 2}},
		{"a line more", plainACL + " permit ip 10.0.0.0 0.0.0.255 192.168.3.0 0.0.0.255\n", second, []uint32{1, 2}},
		{"a line less", plainACL, second, []uint32{3, 4}},
		{"PFS for the first", plainACL, " set pfs group14\n" + second, []uint32{5, 4}},
		{"the second goes", plainACL, " set pfs group14\n", []uint32{5}},
		{"the second comes again", plainACL, " set pfs group14\n" + second, []uint32{5, 6}},
	} {
		c, err := r.Prepare(load(t, step.acl, step.entry), ConfiguredAddress)
		if err != nil {
			t.Fatal(err)
		}
		if got := tags(c.Connections); !slices.Equal(got, step.want) {
			t.Errorf("%s: tags %v, want %v", step.what, got, step.want)
		}
		for _, e := range c.Policies() {
			if !slices.Contains(step.want, e.Tag) {
				t.Errorf("%s: a policy has the tag %d", step.what, e.Tag)
			}
		}
		r.Reconfigure(time.Time{}, c)
	}
}

func TestWhatCannotRunLeavesTheOldConfiguration(t *testing.T) {
	old := load(t, plainACL, "")
	r := newRouter(t, old, nil)
	if _, err := r.Prepare(load(t, " deny tcp any any established\n"+plainACL, ""), ConfiguredAddress); err == nil {
		t.Error("a list that cannot run is accepted")
	}
	if r.Config() != old || len(r.Connections()) != 1 {
		t.Error("the router changed")
	}
}

// TestEveryPartOfAConnectionIsCompared sets each field of a connection, those
// that are added later too, and wants the difference seen.
func TestEveryPartOfAConnectionIsCompared(t *testing.T) {
	harmless := []string{"Tag", "ReplayWindow", "IdleTime", "IdleToDefault", "Former",
		"Interface", "MoreInterfaces"} // without one in common, find does not take them for the same
	base := func() *ike.Connection {
		return &ike.Connection{Peers: make([]netip.Addr, 1), ACL: make([]policy.ACLEntry, 1), TransformSets: make([]policy.TransformSet, 1)}
	}
	kind := reflect.TypeFor[ike.Connection]()
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		x := base()
		change(t, name, reflect.ValueOf(x).Elem().Field(i))
		if got := difference(base(), x); (got == "") != slices.Contains(harmless, name) {
			t.Errorf("%s changed: difference %q", name, got)
		}
	}
	if got := difference(base(), base()); got != "" {
		t.Errorf("equal connections differ in %s", got)
	}
}

// change gives a field another value.
func change(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.MustParseAddr("192.0.2.1")))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.MustParseAddrPort("192.0.2.1:500")))
		return
	case []policy.TransformSet:
		v.Set(reflect.ValueOf([]policy.TransformSet{{Cipher: isakmp.ESPAES}}))
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case reflect.String:
		v.SetString("other")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		change(t, name, v.Field(0))
	default:
		t.Fatalf("%s is of kind %v, which this test cannot change", name, v.Kind())
	}
}

func TestSetsAreComparedWithoutTheirNames(t *testing.T) {
	a := &ike.Connection{TransformSets: []policy.TransformSet{{Name: "A", Cipher: isakmp.ESPAES, KeyBits: 128}}}
	b := &ike.Connection{TransformSets: []policy.TransformSet{{Name: "B", Cipher: isakmp.ESPAES, KeyBits: 128}}}
	if got := difference(a, b); got != "" {
		t.Errorf("the name of a set is %s", got)
	}
}

func TestSwitchingISAKMPIsTold(t *testing.T) {
	var log strings.Builder
	r := newRouter(t, load(t, plainACL, ""), func(text []byte) { log.Write(text) })
	for _, on := range []bool{false, true} {
		cfg := load(t, plainACL, "")
		cfg.ISAKMP.Enabled = on
		c, err := r.Prepare(cfg, ConfiguredAddress)
		if err != nil {
			t.Fatal(err)
		}
		if !on && (len(c.Notices) != 1 || len(c.Policies()) != 1) {
			t.Errorf("notices %q, %d policies: what a crypto map protects stays so", c.Notices, len(c.Policies()))
		}
		r.Reconfigure(time.Time{}, c)
	}
	message := "%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is "
	if want := message + "ON\n" + message + "OFF\n" + message + "ON\n"; log.String() != want {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestDebugObeysItsConditionAndSystemMessagesDoNot(t *testing.T) {
	var log strings.Builder
	r := newRouter(t, load(t, plainACL, ""), func(text []byte) { log.Write(text) })
	log.Reset()
	r.Debug().ISAKMP = true
	r.DebugCondition().Peers = []netip.Addr{netip.MustParseAddr("192.1.1.42")}
	for _, peer := range []string{"192.1.1.42", "192.1.1.43"} {
		ctx := trace.Context{Remote: netip.AddrPortFrom(netip.MustParseAddr(peer), 500)}
		r.Record(&trace.Record{Context: ctx, Event: &trace.KeyLookup{Peer: ctx.Remote.Addr()}})
		r.Record(&trace.Record{Context: ctx, Event: &trace.PacketDropped{Reason: trace.DropNoSA}})
	}
	if strings.Contains(log.String(), "matching key for 192.1.1.43") || !strings.Contains(log.String(), "matching key for 192.1.1.42") ||
		strings.Count(log.String(), "%CRYPTO-4-IKMP_NO_SA") != 2 {
		t.Errorf("log:\n%s", log.String())
	}
}
