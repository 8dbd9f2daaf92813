package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxRecord is the longest packet that is read, in octets: what tcpdump and
// Wireshark take at most. bufferLen holds one with its headers.
const (
	maxRecord = 262144
	bufferLen = maxRecord + 4096
)

// frame is a packet as the file has it. Its data is valid until the next one is
// read.
type frame struct {
	number uint64 // from 1, as in Wireshark
	time   time.Time
	link   uint32 // LINKTYPE_ number
	iface  uint32 // on which it was captured, where the file says
	data   []byte
	length int // on the wire, in octets; more than data where it was cut
}

// container yields the frames of a file. io.EOF ends it; any other error is a
// *DamageError.
type container interface {
	next(*frame) error
}

// DamageError says that the rest of a file cannot be read.
type DamageError struct {
	Packet uint64 // the last one that was read, 0 for none
	What   string
}

// Error is a sentence's part for people.
func (e *DamageError) Error() string {
	if e.Packet == 0 {
		return e.What
	}
	return fmt.Sprintf("after packet %d: %s", e.Packet, e.What)
}

// Magic numbers of files.
var (
	magicGzip   = []byte{0x1f, 0x8b}
	magicPcapNG = []byte{0x0a, 0x0d, 0x0d, 0x0a}

	// others are formats that are known and not read, with what to do.
	others = []struct {
		magic, name string
	}{
		{"snoop\x00\x00\x00", "a capture of Solaris snoop: convert it with `editcap -F pcap`"},
		{"GMBU", "a capture of Microsoft Network Monitor: convert it with `editcap -F pcap`"},
		{"RTSS", "a capture of Microsoft Network Monitor: convert it with `editcap -F pcap`"},
		{"\x34\xcd\xb2\xa1", "a capture in a modified pcap format: convert it with `editcap -F pcap`"},
		{"\xa1\xb2\xcd\x34", "a capture in a modified pcap format: convert it with `editcap -F pcap`"},
		{"\x28\xb5\x2f\xfd", "compressed by zstd: decompress it first"},
		{"\xfd7zXZ\x00", "compressed by xz: decompress it first"},
		{"BZh", "compressed by bzip2: decompress it first"},
		{"PK\x03\x04", "a zip archive: unpack it first"},
	}
)

// MagicLen is how many octets Is wants to see.
const MagicLen = 8

// Is says whether a file that begins with head is a capture that this package
// reads, or knows by name.
func Is(head []byte) bool {
	if _, ok := pcapOrder(head); ok || bytes.HasPrefix(head, magicPcapNG) {
		return true
	}
	for _, o := range others {
		if bytes.HasPrefix(head, []byte(o.magic)) {
			return true
		}
	}
	return false
}

// open finds the format of a file by its first octets.
func open(r io.Reader) (container, error) {
	in := bufio.NewReaderSize(r, bufferLen)
	head, err := in.Peek(MagicLen)
	if bytes.HasPrefix(head, magicGzip) {
		plain, err := gzip.NewReader(in)
		if err != nil {
			return nil, &DamageError{What: "it begins as a gzip file, and is none"}
		}
		in = bufio.NewReaderSize(plain, bufferLen)
		if head, _ = in.Peek(MagicLen); bytes.HasPrefix(head, magicGzip) {
			return nil, &DamageError{What: "a gzip file within a gzip file: decompress it first"}
		}
	}
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, &DamageError{What: err.Error()}
		}
		return nil, &DamageError{What: "it is empty"}
	}
	for _, o := range others {
		if bytes.HasPrefix(head, []byte(o.magic)) {
			return nil, &DamageError{What: o.name}
		}
	}
	if order, ok := pcapOrder(head); ok {
		return openPcap(in, order)
	}
	if bytes.HasPrefix(head, magicPcapNG) {
		return &pcapngFile{in: in}, nil
	}
	return nil, &DamageError{What: "it is neither pcap nor pcapng"}
}

// ended turns an error of the reader into what it means at the start of a record
// or within one.
func ended(err error, packet uint64, within bool) error {
	switch {
	case errors.Is(err, io.EOF) && !within:
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &DamageError{packet, "the file ends in the middle of a record"}
	}
	return &DamageError{packet, "it cannot be read any further: " + err.Error()}
}
