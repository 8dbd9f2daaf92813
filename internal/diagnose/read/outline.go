package read

import "encoding/binary"

// outline appends a line as phrases are looked for in it: small letters, tabs as
// blanks, every digit a 0. Each byte keeps its place. It ends early, and plain is
// false, at a byte that must be cleaned away first.
func outline(dst, line []byte) (_ []byte, plain bool) {
	for len(line) >= 8 {
		w := binary.LittleEndian.Uint64(line)
		if odd(w) {
			break
		}
		dst = binary.LittleEndian.AppendUint64(dst, outlineWord(w))
		line = line[8:]
	}
	for _, c := range line {
		if (c < ' ' || c >= 0x7f) && c != '\t' {
			return dst, false
		}
		dst = append(dst, outlineByte(c))
	}
	return dst, true
}

// outlineCleaned is the outline of a line that was cleaned: letters beyond ASCII
// are as they were written.
func outlineCleaned(dst, line []byte) []byte {
	for _, c := range line {
		dst = append(dst, outlineByte(c))
	}
	return dst
}

func outlineByte(c byte) byte {
	switch {
	case isBlank(c):
		return ' '
	case isDigit(c):
		return '0'
	}
	return lower(c)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

const (
	each = 0x0101010101010101 // times a byte: eight of it
	top  = 0x80 * each
)

// odd tells whether any of eight bytes is a control byte or not ASCII.
func odd(w uint64) bool {
	return (w|(w+each)|(w-' '*each)&^w)&top != 0
}

// outlineWord is outlineByte of eight ASCII characters. A small letter has the bit
// 0x20, which its capital has not; a digit is 0x30 and its value.
func outlineWord(w uint64) uint64 {
	capital := between(w, 'A', 'Z')
	digit := between(w, '0', '9')
	return (w | capital>>2) &^ (digit >> 7 * 0x0f)
}

// between has the top bit of each of eight ASCII characters that lies between two
// others, or is one of them.
func between(w uint64, first, last uint64) uint64 {
	return (w + (0x80-first)*each) &^ (w + (0x80-last-1)*each) & top
}

// folded is an outline with single blanks and none at its start.
type folded struct {
	text []byte
	gaps []gap
}

// gap says that from an offset of the folded text on the line is some bytes ahead.
type gap struct{ at, ahead int }

func (f *folded) fold(outline []byte) {
	f.text, f.gaps = f.text[:0], f.gaps[:0]
	blank := true
	ahead := 0
	for i, c := range outline {
		if c == ' ' && blank {
			continue
		}
		blank = c == ' '
		if at := len(f.text); i-at != ahead {
			ahead = i - at
			f.gaps = append(f.gaps, gap{at, ahead})
		}
		f.text = append(f.text, c)
	}
}

// place is the offset in the line of an end in the folded text.
func (f *folded) place(end int) int {
	for i := len(f.gaps) - 1; i >= 0; i-- {
		if f.gaps[i].at < end {
			return end + f.gaps[i].ahead
		}
	}
	return end
}
