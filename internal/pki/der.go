package pki

import (
	"bufio"
	"errors"
	"hash"
	"io"
	"time"
)

var (
	errDER     = errors.New("malformed DER")
	errTooLong = errors.New("more than its bound")
)

// derReader reads DER from a stream: a revocation list may be larger than what
// is to be held at once. While digest is set, it takes every byte.
type derReader struct {
	in     *bufio.Reader
	at     int64
	kept   []byte // while keep is set
	keep   bool
	digest hash.Hash
	one    [1]byte
}

// element is the header of one.
type element struct {
	tag byte
	end int64 // offset behind its contents
}

const (
	tagInteger    = 0x02
	tagBitString  = 0x03
	tagEnumerated = 0x0a
	tagUTCTime    = 0x17
	tagTime       = 0x18
	tagSequence   = 0x30
)

func (d *derReader) took(b []byte) {
	d.at += int64(len(b))
	if d.keep {
		d.kept = append(d.kept, b...)
	}
	if d.digest != nil {
		d.digest.Write(b)
	}
}

func (d *derReader) byte() (byte, error) {
	b, err := d.in.ReadByte()
	if err != nil {
		return 0, errDER
	}
	d.one[0] = b
	d.took(d.one[:])
	return b, nil
}

// header reads a tag and a definite length of at most four octets.
func (d *derReader) header() (element, error) {
	tag, err := d.byte()
	if err != nil || tag&0x1f == 0x1f {
		return element{}, errDER
	}
	first, err := d.byte()
	if err != nil {
		return element{}, err
	}
	n := int64(first)
	if first >= 0x80 {
		octets := int(first & 0x7f)
		if octets == 0 || octets > 4 {
			return element{}, errDER
		}
		n = 0
		for range octets {
			b, err := d.byte()
			if err != nil {
				return element{}, err
			}
			n = n<<8 | int64(b)
		}
		if n < 0x80 {
			return element{}, errDER
		}
	}
	return element{tag, d.at + n}, nil
}

// expect reads a header of one tag that ends within outer.
func (d *derReader) expect(tag byte, outer element) (element, error) {
	e, err := d.header()
	if err != nil || e.tag != tag || e.end > outer.end {
		return e, errDER
	}
	return e, nil
}

// body reads an element's contents, of at most limit octets, into buf.
func (d *derReader) body(e element, buf []byte, limit int64) ([]byte, error) {
	n := e.end - d.at
	if n < 0 || n > limit {
		return nil, errDER
	}
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(d.in, buf); err != nil {
		return nil, errDER
	}
	d.took(buf)
	return buf, nil
}

// peek is the next tag within outer, 0 at its end.
func (d *derReader) peek(outer element) byte {
	if d.at >= outer.end {
		return 0
	}
	b, err := d.in.Peek(1)
	if err != nil {
		return 0
	}
	return b[0]
}

// parseTime reads UTCTime and GeneralizedTime as RFC 5280 section 4.1.2.5 has
// them: seconds, and Z. It allocates nothing.
func parseTime(tag byte, b []byte) (time.Time, error) {
	digits := 2
	switch {
	case tag == tagTime:
		digits = 4
	case tag != tagUTCTime:
		return time.Time{}, errDER
	}
	if len(b) != digits+11 || b[len(b)-1] != 'Z' {
		return time.Time{}, errDER
	}
	var part [6]int
	for i := range part {
		n := 2
		if i == 0 {
			n = digits
		}
		for _, c := range b[:n] {
			if c < '0' || c > '9' {
				return time.Time{}, errDER
			}
			part[i] = part[i]*10 + int(c-'0')
		}
		b = b[n:]
	}
	if digits == 2 {
		part[0] += 1900
		if part[0] < 1950 {
			part[0] += 100
		}
	}
	t := time.Date(part[0], time.Month(part[1]), part[2], part[3], part[4], part[5], 0, time.UTC)
	// time.Date makes the 31st of June the 1st of July.
	if t.Month() != time.Month(part[1]) || t.Day() != part[2] || part[3] > 23 || part[4] > 59 || part[5] > 59 {
		return time.Time{}, errDER
	}
	return t, nil
}
