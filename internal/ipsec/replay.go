package ipsec

// replayWindow is the anti-replay service of RFC 4303 section 3.4.3 with the
// ring of words of RFC 6479, so that sliding never shifts. It is checked
// before authentication and committed after it.
type replayWindow struct {
	size uint32 // packets; 0 is off
	top  uint32 // highest sequence number committed
	mask uint32 // of the index into words
	// One word more than the window, as the oldest one is only partly in it.
	words [2 * MaxReplayWindow / 64]uint64
}

func newReplayWindow(size int) replayWindow {
	if size <= 0 {
		return replayWindow{}
	}
	words := uint32(2)
	for words < uint32(size+63)/64+1 {
		words *= 2
	}
	return replayWindow{size: uint32(size), mask: words - 1}
}

// check says whether seq may still be accepted. Sequence number 0 is never
// sent (RFC 4303 section 3.3.3).
func (w *replayWindow) check(seq uint32) Drop {
	switch {
	case w.size == 0 || seq > w.top:
		return DropNone
	case seq == 0 || w.top-seq >= w.size:
		return DropReplayOld
	case w.words[seq/64&w.mask]&(1<<(seq%64)) != 0:
		return DropReplayDuplicate
	}
	return DropNone
}

// commit marks seq, which check has let pass, as received.
func (w *replayWindow) commit(seq uint32) {
	if w.size == 0 {
		return
	}
	if seq > w.top {
		first, last := w.top/64+1, seq/64
		if last-w.top/64 > w.mask {
			first = last - w.mask
		}
		for word := first; word <= last; word++ {
			w.words[word&w.mask] = 0
		}
		w.top = seq
	}
	w.words[seq/64&w.mask] |= 1 << (seq % 64)
}
