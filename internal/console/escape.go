package console

import "io"

// maxEscape bounds an escape sequence in octets; the longest that a terminal
// sends for a key is far shorter.
const maxEscape = 32

// escapeReader ends escape sequences that are longer than any key's: the line
// editor keeps 256 octets of an unfinished one, and then reads nothing for ever.
type escapeReader struct {
	io.ReadWriter
	length int // of the sequence so far, 0 outside one
}

// Read implements io.Reader.
func (e *escapeReader) Read(p []byte) (int, error) {
	n, err := e.ReadWriter.Read(p)
	for i, c := range p[:n] {
		p[i] = e.take(c)
	}
	return n, err
}

func (e *escapeReader) take(c byte) byte {
	if e.length == 0 {
		if c == 0x1b {
			e.length = 1
		}
		return c
	}
	e.length++
	if e.length > maxEscape {
		c = '~'
	}
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '~' {
		e.length = 0
	}
	return c
}
