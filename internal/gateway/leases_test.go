package gateway

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qmidle/internal/aaa"
)

func openStore(t *testing.T, dir string) *leaseStore {
	t.Helper()
	s, err := openLeases(dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
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
	_, err := openLeases(dir, nil)
	var operator *OperatorError
	if !errors.As(err, &operator) {
		t.Errorf("%v", err)
	}
}

func TestUnwritableState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openLeases(filepath.Join(file, "state"), nil)
	var operator *OperatorError
	if !errors.As(err, &operator) {
		t.Errorf("%v", err)
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
