package gateway

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	logQueue   = 8192 // pieces of text
	logPatient = 2 * time.Second
)

// textLog writes text without ever making its caller wait: what the writer
// cannot take in time is lost, and counted.
type textLog struct {
	queue chan []byte
	lost  atomic.Uint64
	done  chan struct{}

	// The writing goroutine's own.
	refused int // pieces that the writer did not take
	why     error
	cut     bool // one of them was written in part
}

func newTextLog(w io.Writer) *textLog {
	l := &textLog{queue: make(chan []byte, logQueue), done: make(chan struct{})}
	go l.run(w)
	return l
}

// write queues a copy of text.
func (l *textLog) write(text []byte) {
	select {
	case l.queue <- append([]byte(nil), text...):
	default:
		l.lost.Add(1)
	}
}

func (l *textLog) run(w io.Writer) {
	defer close(l.done)
	for text := range l.queue {
		l.tellLost(w)
		l.put(w, text)
	}
	l.tellLost(w)
}

// put writes a piece of text. There is nowhere to complain about a log that cannot be
// written: what was lost stands in it once it can be.
func (l *textLog) put(w io.Writer, text []byte) {
	n, err := w.Write(text)
	if err == nil {
		return
	}
	l.refused++
	l.why, l.cut = err, l.cut || n > 0
}

func (l *textLog) tellLost(w io.Writer) {
	if l.refused > 0 {
		text := fmt.Sprintf("qmidle: %d pieces of output were lost here: %s\n", l.refused, plainly(l.why))
		if l.cut {
			text = "\n" + text
		}
		n, err := io.WriteString(w, text)
		if err != nil {
			l.cut = l.cut || n > 0
			return
		}
		l.refused, l.cut = 0, false
	}
	if n := l.lost.Swap(0); n > 0 {
		l.put(w, fmt.Appendf(nil, "qmidle: %d lines of output were lost here: they came faster than they could be written\n", n))
	}
}

// close writes what is queued, as long as the writer takes it. Nothing may be
// written after it.
func (l *textLog) close() {
	close(l.queue)
	select {
	case <-l.done:
	case <-time.After(logPatient):
	}
}

// notices are the gateway's own lines in the log, at most one of a kind in
// noticeInterval. Their owner is the loop.
type notices struct {
	log  *textLog
	last map[string]time.Time
}

const (
	noticeInterval = 10 * time.Second
	noticeKinds    = 1024 // kinds are told apart by the peer, which may be anybody
)

func newNotices(log *textLog) notices { return notices{log, make(map[string]time.Time)} }

func (n *notices) tell(now time.Time, kind, format string, args ...any) {
	if last, ok := n.last[kind]; ok && now.Sub(last) < noticeInterval {
		return
	}
	if len(n.last) >= noticeKinds {
		clear(n.last)
	}
	n.last[kind] = now
	n.log.write(fmt.Appendf(nil, "qmidle: "+format+"\n", args...))
}
