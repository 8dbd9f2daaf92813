package vendors

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// text is a log of some bytes, made of all vendors' logs again and again.
func text(t testing.TB, size int) []byte {
	t.Helper()
	names, err := filepath.Glob("../../../explain/testdata/*.log")
	if err != nil || len(names) == 0 {
		t.Fatal(err, len(names))
	}
	var all []byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return bytes.Repeat(all, size/len(all)+1)[:size]
}

// A log takes the same memory whatever its size: the bound is far below that of
// the text.
func TestMemory(t *testing.T) {
	readers, err := Readers()
	if err != nil {
		t.Fatal(err)
	}
	big := text(t, 12<<20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	log, err := readers.Read("f", bytes.NewReader(big))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d lines, %d observations, %d forgotten, %d KiB held", log.Lines, len(log.Observations), log.Forgotten, held>>10)
	if held > 24<<20 {
		t.Errorf("%d bytes are held", held)
	}
	runtime.KeepAlive(log)
}

func BenchmarkRead(b *testing.B) {
	readers, err := Readers()
	if err != nil {
		b.Fatal(err)
	}
	log := text(b, 8<<20)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readers.Read("f", bytes.NewReader(log)); err != nil {
			b.Fatal(err)
		}
	}
}

// Most of a real log is noise of other daemons.
func BenchmarkReadNoise(b *testing.B) {
	readers, err := Readers()
	if err != nil {
		b.Fatal(err)
	}
	line := []byte("Mar  1 05:06:03 host kernel: [12345.678901] eth0: link becomes ready, speed 1000, full duplex, flow control off\n")
	log := bytes.Repeat(line, (8<<20)/len(line))
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		if _, err := readers.Read("f", bytes.NewReader(log)); err != nil {
			b.Fatal(err)
		}
	}
}
