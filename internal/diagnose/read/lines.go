package read

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is how much of a line is looked at; the rest is passed over.
const maxLine = 8 << 10

// lines splits a log. It takes any length, a byte order mark, and the ends of
// lines of any system.
type lines struct {
	in     *bufio.Reader
	number int
	cut    int  // lines that were longer than maxLine
	binary int  // lines with a NUL
	wide   bool // UTF-16, of which every other byte is NUL
	err    error
}

func newLines(r io.Reader) *lines {
	l := &lines{in: bufio.NewReaderSize(r, 256<<10)}
	head, _ := l.in.Peek(3)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		l.in.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		l.in.Discard(2)
		l.wide = true
	}
	return l
}

// next appends the next line to dst without its end; false at the end of the
// log.
func (l *lines) next(dst []byte) ([]byte, bool) {
	if l.err != nil {
		return dst, false
	}
	long := false
	got := false
	for {
		piece, err := l.in.ReadSlice('\n')
		got = got || len(piece) > 0
		if room := maxLine - len(dst); len(piece) > room+2 {
			long = true
			dst = append(dst, piece[:max(0, room)]...)
		} else {
			dst = append(dst, piece...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if l.err = err; err != nil && !got {
			return dst, false
		}
		break
	}
	if n := len(dst); n > 0 && dst[n-1] == '\n' {
		dst = dst[:n-1]
	}
	if n := len(dst); n > 0 && dst[n-1] == '\r' {
		dst = dst[:n-1]
	}
	if l.wide {
		dst = narrow(dst)
	}
	l.number++
	if long {
		l.cut++
	}
	return dst, true
}

// narrow takes the NULs out of UTF-16, which for ASCII makes the text.
func narrow(b []byte) []byte {
	out := b[:0]
	for _, c := range b {
		if c != 0 {
			out = append(out, c)
		}
	}
	return out
}

// failure is why reading ended early; nil at the end of the log.
func (l *lines) failure() error {
	if errors.Is(l.err, io.EOF) {
		return nil
	}
	return l.err
}
