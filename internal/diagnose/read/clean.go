package read

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// clean takes from a line what is not its text: the codes that a terminal was
// sent, erased characters, control bytes and bytes that are no UTF-8. Quotes and
// dashes that a word processor has changed become what they were.
func clean(dst, line []byte) []byte {
	for len(line) > 0 {
		c := line[0]
		if c < utf8.RuneSelf {
			size := 1
			switch {
			case c == 0x1b:
				size = escape(line)
			case c == '\b':
				if n := len(dst); n > 0 {
					dst = dst[:n-1]
				}
			case c == '\r':
				dst = append(dst, ' ')
			case c >= ' ' && c < 0x7f, c == '\t':
				dst = append(dst, c)
			}
			line = line[size:]
			continue
		}
		r, size := utf8.DecodeRune(line)
		line = line[size:]
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, '?')
		case r == '\u2018', r == '\u2019':
			dst = append(dst, '\'')
		case r == '\u201c', r == '\u201d':
			dst = append(dst, '"')
		case r == '\u2013', r == '\u2014', r == '\u2011':
			dst = append(dst, '-')
		case r == '\u2026':
			dst = append(dst, "..."...)
		case unicode.IsSpace(r):
			dst = append(dst, ' ')
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// escape is the length of the terminal's code at the start of a line: a CSI
// sequence, a string up to its end, or two bytes.
func escape(line []byte) int {
	if len(line) < 2 {
		return 1
	}
	switch line[1] {
	case '[':
		for i := 2; i < len(line); i++ {
			if line[i] >= 0x40 && line[i] <= 0x7e {
				return i + 1
			}
		}
		return len(line)
	case ']', 'P', 'X', '^', '_':
		if i := bytes.IndexByte(line, '\a'); i > 0 {
			return i + 1
		}
		if i := bytes.Index(line[2:], []byte("\x1b\\")); i >= 0 {
			return i + 4
		}
		return len(line)
	}
	return 2
}
