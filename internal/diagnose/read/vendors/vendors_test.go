package vendors

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

var logs = flag.String("logs", "../../../explain/testdata/*.log", "the logs that are read, as a pattern of files")

// text is a log of some bytes, made of all vendors' logs again and again.
func text(t testing.TB, size int) []byte {
	t.Helper()
	names, err := filepath.Glob(*logs)
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

func BenchmarkRead(b *testing.B) { benchmark(b, text(b, 64<<20)) }

// noise is a line of another daemon.
const noise = "Mar  1 05:06:03 host kernel: [12345.678901] eth0: link becomes ready, speed 1000, full duplex, flow control off\n"

// A log of a host, in which one line of ten is an IKE daemon's.
func BenchmarkReadMixed(b *testing.B) {
	var mixed []byte
	for line := range bytes.Lines(text(b, 1<<19)) {
		mixed = append(append(mixed, line...), bytes.Repeat([]byte(noise), 9)...)
	}
	benchmark(b, mixed)
}

// Most of a real log is noise of other daemons.
func BenchmarkReadNoise(b *testing.B) {
	benchmark(b, bytes.Repeat([]byte(noise), (8<<20)/len(noise)))
}

func benchmark(b *testing.B, log []byte) {
	b.Helper()
	readers, err := Readers()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readers.Read("f", bytes.NewReader(log)); err != nil {
			b.Fatal(err)
		}
	}
}
