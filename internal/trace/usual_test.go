package trace

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

// usualChain is made of the events that a test of ike writes.
func usualChain(t *testing.T) (chain []byte) {
	text, err := os.ReadFile("testdata/usual.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var f Fields
	var last stamp
	for line := range bytes.Lines(text) {
		rec, err := ParseJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		now := stamp{rec.Time.UnixNano(), rec.Context}
		encodeStamp(&f, &last, &now, rec.Event.Code())
		rec.Event.Fields(&f)
		chain = append(binary.AppendUvarint(chain, uint64(len(f.buf))), f.buf...)
		last = now
	}
	return chain
}

func TestUsualChain(t *testing.T) {
	chain := usualChain(t)
	if *update {
		if err := os.WriteFile("usual.chain", chain, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(chain, usualEvents) {
		t.Error("usual.chain is not of testdata/usual.jsonl: -update writes it")
	}
	if len(chain) >= 1<<15 {
		t.Errorf("%d octets, want less than 32 KiB", len(chain))
	}
}
