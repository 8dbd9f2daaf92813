package ipsec

// replayWindow is the anti-replay service of RFC 4303 section 3.4.3 with the
// ring of words of RFC 6479, so that sliding never shifts. It is checked
// before authentication and committed after it.
type replayWindow struct {
	size uint32 // packets; 0 is off
	top  uint32 // highest sequence number committed
	// One word more than the window at least, as the oldest one is only partly in it;
	// their number is a power of two.
	near [DefaultReplayWindow/64 + 1]uint64
	far  *[2 * MaxReplayWindow / 64]uint64 // instead, of a larger window
}

// begin begins a window of so many packets, none where that is not positive.
func (w *replayWindow) begin(size int) {
	w.size = uint32(max(0, size))
	if size > DefaultReplayWindow {
		w.far = new([2 * MaxReplayWindow / 64]uint64)
	}
}

// words are the ring, and the mask of an index into it.
func (w *replayWindow) words() (ring []uint64, mask uint32) {
	if w.far != nil {
		return w.far[:], uint32(len(w.far)) - 1
	}
	return w.near[:], uint32(len(w.near)) - 1
}

// check says whether seq may still be accepted. Sequence number 0 is never
// sent (RFC 4303 section 3.3.3).
func (w *replayWindow) check(seq uint32) Drop {
	words, mask := w.words()
	switch {
	case w.size == 0 || seq > w.top:
		return DropNone
	case seq == 0 || w.top-seq >= w.size:
		return DropReplayOld
	case words[seq/64&mask]&(1<<(seq%64)) != 0:
		return DropReplayDuplicate
	}
	return DropNone
}

// commit marks seq, which check has let pass, as received.
func (w *replayWindow) commit(seq uint32) {
	if w.size == 0 {
		return
	}
	words, mask := w.words()
	if seq > w.top {
		first, last := w.top/64+1, seq/64
		if last-w.top/64 > mask {
			first = last - mask
		}
		for word := first; word <= last; word++ {
			words[word&mask] = 0
		}
		w.top = seq
	}
	words[seq/64&mask] |= 1 << (seq % 64)
}
