package ipsec

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// modelWindow is RFC 4303 section 3.4.3 in the plainest form.
type modelWindow struct {
	size uint32
	top  uint32
	seen map[uint32]bool
}

func (m *modelWindow) check(seq uint32) Drop {
	switch {
	case seq == 0:
		return DropReplayOld
	case seq > m.top:
		return DropNone
	case uint64(seq)+uint64(m.size) <= uint64(m.top):
		return DropReplayOld
	case m.seen[seq]:
		return DropReplayDuplicate
	}
	return DropNone
}

func (m *modelWindow) commit(seq uint32) {
	m.seen[seq] = true
	m.top = max(m.top, seq)
}

func TestReplayWindowIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{64, 65, 100, 128, 256, 511, 512, 1000, 1024}).Draw(t, "size")
		var window replayWindow
		window.begin(size)
		model := modelWindow{size: uint32(size), seen: map[uint32]bool{}}
		at := rapid.SampledFrom([]uint32{1, 1000, 1 << 31, math.MaxUint32 - 3000}).Draw(t, "start")
		steps := rapid.SliceOfN(rapid.Int32Range(-1500, 1500), 1, 300).Draw(t, "steps")
		for _, step := range steps {
			seq := uint32(max(0, min(int64(at)+int64(step), math.MaxUint32)))
			got, want := window.check(seq), model.check(seq)
			if got != want {
				t.Fatalf("sequence %d with top %d, window %d: %v, want %v", seq, model.top, size, got, want)
			}
			if want == DropNone {
				window.commit(seq)
				model.commit(seq)
			}
			at = max(model.top, 1)
		}
	})
}

func TestReplayWindowEdges(t *testing.T) {
	var w replayWindow
	w.begin(64)
	if d := w.check(0); d != DropReplayOld {
		t.Errorf("number 0 of a fresh window: %v", d)
	}
	w.commit(math.MaxUint32)
	for seq, want := range map[uint32]Drop{
		math.MaxUint32:      DropReplayDuplicate,
		math.MaxUint32 - 1:  DropNone,
		math.MaxUint32 - 63: DropNone,
		math.MaxUint32 - 64: DropReplayOld,
		0:                   DropReplayOld,
	} {
		if got := w.check(seq); got != want {
			t.Errorf("sequence %d: %v, want %v", seq, got, want)
		}
	}
	var off replayWindow
	off.begin(ReplayOff)
	off.commit(5)
	if off.check(5) != DropNone || off.check(0) != DropNone {
		t.Error("a window that is off drops")
	}
}
