package trace

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// What is usual takes next to nothing, and what looks like it little.
func TestUsualEventsAreShort(t *testing.T) {
	half := usualEvents[len(usualEvents)/2:]
	if n := len(usual.Encode(nil, half[:blockOctets])); n > 16 {
		t.Errorf("a block of the text itself takes %d octets", n)
	}
	r := NewRecorder(DefaultLimits)
	want := tunnel(true)
	recordAll(r, want)
	h := r.peers[bookPeer]
	h.ring.seal(&r.store)
	if h.ring.size > h.ring.octets*3/5 {
		t.Errorf("a tunnel's %d octets take %d", h.ring.octets, h.ring.size)
	}
}

// Streams that grow and shrink hold what a slice would, and share their cells.
func TestStreams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c cells
		var streams [3]stream
		var want [3][]byte
		next := byte(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, 2).Draw(t, "stream")
			s := &streams[i]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				b := make([]byte, rapid.IntRange(0, 200).Draw(t, "more"))
				for j := range b {
					next++
					b[j] = next
				}
				c.append(s, b)
				want[i] = append(want[i], b...)
			case 2:
				n := rapid.IntRange(0, len(want[i])).Draw(t, "dropped")
				c.drop(s, uint32(n))
				want[i] = want[i][n:]
			case 3:
				n := rapid.IntRange(0, len(want[i])).Draw(t, "left")
				c.cut(s, uint32(n))
				want[i] = want[i][:n]
			}
			for i := range streams {
				off := rapid.IntRange(0, len(want[i])).Draw(t, "offset")
				if got := c.read(nil, &streams[i], uint32(off), streams[i].size-uint32(off)); !bytes.Equal(got, want[i][off:]) {
					t.Fatalf("stream %d has % x from %d on, want % x", i, got, off, want[i][off:])
				}
			}
		}
		for i := range streams {
			c.clear(&streams[i])
		}
		free := 0
		for n := c.free; n != 0; n = c.at(n).next {
			free++
		}
		if free != len(c.chunks)*cellsPerChunk {
			t.Errorf("%d cells of %d are free again", free, len(c.chunks)*cellsPerChunk)
		}
	})
}
