package explain

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"

	"qmidle/internal/diagnose/capture"
)

// Secrets are what may open more of a capture than is in clear.
type Secrets struct {
	keys *capture.Keys
	psks []capture.PSK
}

// ReadKeys reads a table of phase 1's encryption keys.
func (s *Secrets) ReadKeys(in io.Reader) (err error) {
	s.keys, err = capture.ReadKeys(in)
	return err
}

// ReadPSKs reads pre-shared keys, one on each line.
func (s *Secrets) ReadPSKs(in io.Reader) (err error) {
	s.psks, err = capture.ReadPSKs(in)
	return err
}

// Read reads a log of any vendor or a capture, in gzip or not: the first octets
// tell. What was read before an error is returned too.
func Read(name string, in io.Reader, s *Secrets) (*Source, error) {
	b := bufio.NewReader(in)
	head, _ := b.Peek(capture.MagicLen)
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		plain, err := gzip.NewReader(b)
		if err != nil {
			return nil, errors.New("it begins as a gzip file, and is none")
		}
		b = bufio.NewReader(plain)
		head, _ = b.Peek(capture.MagicLen)
	}
	if capture.Is(head) {
		return Capture(name, b, s)
	}
	return Log(name, b)
}

// Capture reads a capture of packets.
func Capture(name string, in io.Reader, secrets *Secrets) (*Source, error) {
	r, err := capture.Read(in, capture.Options{Source: name, Keys: secrets.keys, PSKs: secrets.psks})
	if err != nil {
		return nil, err
	}
	s := &Source{Name: name, Observations: r.Observations, Lines: bounded(r.Packets), Understood: bounded(r.IKE + r.ESP), Remarks: r.Remarks, Capture: true}
	if s.Understood > 0 {
		s.Formats = []string{"a capture"}
	}
	if r.Damage != nil {
		s.Remarks = append([]string{"the rest of it cannot be read: " + r.Damage.Error()}, s.Remarks...)
	}
	return s, nil
}

func bounded(n uint64) int { return int(min(n, math.MaxInt32)) }
