package gateway

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qmidle/internal/aaa"
	"qmidle/internal/config"
)

func openStore(t *testing.T, dir string) *leaseStore {
	t.Helper()
	s := newLeaseStore(dir, func(err error) { t.Error(err) })
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	go s.write()
	return s
}

// What was put is there after the store was closed and opened again, the last
// change of each address.
func TestLeasesOutliveTheGateway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	lease := func(addr, owner string, inUse bool) aaa.Lease {
		return aaa.Lease{Addr: netip.MustParseAddr(addr), Owner: owner, Since: at, InUse: inUse}
	}
	s := openStore(t, dir)
	s.put([]aaa.LeaseChange{{Pool: "P", Lease: lease("10.0.0.1", "admin\x00alice", true)}, {Pool: "P", Lease: lease("10.0.0.2", "admin\x00bob", true)}})
	s.put([]aaa.LeaseChange{{Pool: "P", Lease: lease("10.0.0.2", "admin\x00bob", false)}, {Pool: "Q", Lease: lease("10.1.0.1", "x\x00carol", true)}})
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	defer s.close()
	got, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]aaa.Lease{
		"P": {lease("10.0.0.1", "admin\x00alice", true), lease("10.0.0.2", "admin\x00bob", false)},
		"Q": {lease("10.1.0.1", "x\x00carol", true)},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(filepath.Join(dir, leaseFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Two gateways do not write one store.
func TestOneStoreForOneGateway(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer s.close()
	g := &Gateway{opts: Options{State: dir, Config: &config.Config{Pools: []*config.Pool{{}}}}}
	_, err := g.openLeases()
	var operator *OperatorError
	if !errors.As(err, &operator) || operator.Message != "another gateway has the state in "+dir {
		t.Errorf("%v", err)
	}
}

func TestUnwritableState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "state")
	g := &Gateway{opts: Options{State: dir, Config: &config.Config{Pools: []*config.Pool{{}}}}}
	if _, err := g.openLeases(); err != nil {
		t.Error(err)
	}
	want := "the addresses of clients are not kept over a restart until " + dir + " can be written: not a directory"
	if len(g.warnings) != 1 || g.warnings[0] != want {
		t.Errorf("%q, want %q", g.warnings, want)
	}
	if err := g.leases.close(); err != nil {
		t.Error(err)
	}
}

// What could not be written is written when it can be, the later change of two.
func TestLeasesWaitForTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the directory's place
		t.Fatal(err)
	}
	s := newLeaseStore(dir, nil)
	addr := netip.MustParseAddr("10.0.0.1")
	put := func(owner string) {
		s.put([]aaa.LeaseChange{{Pool: "P", Lease: aaa.Lease{Addr: addr, Owner: owner}}})
	}
	put("first")
	if s.flush() == nil || len(s.changed) != 1 {
		t.Error("nothing failed, or what failed is forgotten")
	}
	put("second")
	if s.flush() == nil || s.changed[leaseKey{"P", addr}].Owner != "second" {
		t.Error("the earlier change came back")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	go s.write()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	defer s.close()
	if got, err := s.load(); err != nil || len(got["P"]) != 1 || got["P"][0].Owner != "second" {
		t.Errorf("%v, %v", got, err)
	}
}

// A database that a full disk or a broken one has left damaged is put aside.
func TestDamagedLeases(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "state")
	if err := openStore(t, whole).close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(whole, leaseFile))
	if err != nil {
		t.Fatal(err)
	}
	garbage := bytes.Clone(text)
	for i := range garbage {
		garbage[i] ^= 0x5a
	}
	for name, text := range map[string][]byte{"cut": text[:4096], "cut in a page": text[:100], "garbage": garbage} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, leaseFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, dir)
		s.put([]aaa.LeaseChange{{Pool: "P", Lease: aaa.Lease{Addr: netip.MustParseAddr("10.0.0.1"), Owner: "a"}}})
		if err := s.close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if kept, err := os.ReadFile(filepath.Join(dir, leaseFile+".damaged")); err != nil || !bytes.Equal(kept, text) {
			t.Errorf("%s: not put aside: %v", name, err)
		}
	}
}

// A pool that is configured while the gateway runs has its leases kept too.
func TestStoreOfALaterPool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	g := &Gateway{opts: Options{State: dir}}
	g.keepLeases(nil)
	if g.leases != nil {
		t.Error("a store without leases")
	}
	g.keepLeases([]aaa.LeaseChange{{Pool: "P", Lease: aaa.Lease{Addr: netip.MustParseAddr("10.0.0.1"), Owner: "a"}}})
	if err := g.leases.close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	defer s.close()
	if got, err := s.load(); err != nil || len(got["P"]) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
