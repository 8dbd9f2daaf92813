package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/ike"
	"qmidle/internal/router"
)

func openCounted(t *testing.T, dir string) *counterStore {
	t.Helper()
	s, err := openCounters(dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Counters are those since the host's boot: another boot begins anew, and so does
// what cannot be read.
func TestCountersOutliveTheGateway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	want := router.Counted{Engine: ike.Statistics{Phase1Up: 7, DatagramsIn: 40}, Dropped: map[string]uint64{"no SA": 3}, Packets: map[string]uint64{},
		Lines: map[string]router.Carried{"MAP 10": {OutPackets: 5}}}
	s := openCounted(t, dir)
	if got := s.load(); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
	s.keep(router.Counted{Engine: ike.Statistics{Phase1Up: 1}})
	if err := s.close(want); err != nil {
		t.Fatal(err)
	}
	s = openCounted(t, dir)
	if diff := cmp.Diff(&want, s.load()); diff != "" {
		t.Error(diff)
	}
	s.boot = "another"
	if got := s.load(); got != nil {
		t.Errorf("of another boot: %+v", got)
	}
	if err := os.WriteFile(s.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.load(); got != nil {
		t.Errorf("of half a file: %+v", got)
	}
	if _, err := openCounters(dir, nil); err == nil || !strings.Contains(err.Error(), "another gateway has them in "+dir) {
		t.Errorf("a second gateway: %v", err)
	}
	if err := s.close(want); err != nil {
		t.Error(err)
	}
}

// fullDisk is a log file on a disk that is full for a while.
type fullDisk struct {
	full    bool
	written strings.Builder
}

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.full {
		d.written.Write(b[:1])
		return 1, syscall.ENOSPC
	}
	return d.written.Write(b)
}

func TestALogTellsWhatAFullDiskLost(t *testing.T) {
	l, d := &textLog{}, &fullDisk{}
	l.put(d, []byte("one\n"))
	d.full = true
	for _, text := range []string{"two\n", "three\n"} {
		l.tellLost(d)
		l.put(d, []byte(text))
	}
	d.full = false
	l.tellLost(d)
	l.put(d, []byte("four\n"))
	want := "one\nt\nt\nqmidle: 2 pieces of output were lost here: no space left on device\nfour\n"
	if got := d.written.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
