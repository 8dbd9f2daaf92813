package trace

import (
	"encoding/binary"
	"iter"

	"qmidle/internal/isakmp"
)

// Contents is what one IKE message holds, in a form of fixed size: the flight
// recorder keeps it for every message.
type Contents struct {
	Exchange  isakmp.ExchangeType
	Encrypted bool
	Length    uint16 // of the message in octets, whole and not its fragments
	// Notify is the type of the first notify; 0 where there is none, or where it
	// could not be read.
	Notify   isakmp.NotifyType
	Payloads PayloadList
}

func (c *Contents) fields(f *Fields) {
	Enum(f, "exchange", &c.Exchange)
	f.Bool("encrypted", &c.Encrypted)
	f.U16("length", &c.Length)
	Enum(f, "notify", &c.Notify)
	f.Payloads("payloads", &c.Payloads)
}

// maxRuns is how many runs of payloads of one type are kept: a quick mode of
// every payload that it may have is 8.
const maxRuns = 8

// PayloadList is the types of a message's payloads in their order. It is bound:
// of a message whose types change more often than any of this protocol's do, the
// rest is only counted.
type PayloadList struct {
	runs [maxRuns]payloadRun
	n    uint8
}

// payloadRun is payloads of one type next to each other. Those that are only
// counted have PayloadNone.
type payloadRun struct {
	kind  isakmp.PayloadType
	count uint8
}

// Add appends one payload.
func (l *PayloadList) Add(t isakmp.PayloadType) {
	if l.n == maxRuns {
		last := &l.runs[maxRuns-1]
		if last.kind != t {
			last.kind = isakmp.PayloadNone
		}
		if last.count < 255 {
			last.count++
		}
		return
	}
	if l.n > 0 && l.runs[l.n-1].kind == t && l.runs[l.n-1].count < 255 {
		l.runs[l.n-1].count++
		return
	}
	l.runs[l.n] = payloadRun{t, 1}
	l.n++
}

// All yields each run of payloads of one type with its length. PayloadNone
// stands for what was only counted.
func (l *PayloadList) All() iter.Seq2[isakmp.PayloadType, int] {
	return func(yield func(isakmp.PayloadType, int) bool) {
		for _, r := range l.runs[:l.n] {
			if !yield(r.kind, int(r.count)) {
				return
			}
		}
	}
}

// Has says whether a type is among them.
func (l *PayloadList) Has(t isakmp.PayloadType) bool {
	for _, r := range l.runs[:l.n] {
		if r.kind == t {
			return true
		}
	}
	return false
}

// Empty says that no payload is known.
func (l *PayloadList) Empty() bool { return l.n == 0 }

// Payloads visits the types of a message's payloads; JSON shows the name of each
// payload, and "more" for each that is only counted.
func (f *Fields) Payloads(name string, l *PayloadList) {
	switch f.mode {
	case encodeFields:
		f.buf = append(f.buf, l.n)
		for _, r := range l.runs[:l.n] {
			f.buf = append(f.buf, byte(r.kind), r.count)
		}
	case decodeFields:
		*l = PayloadList{}
		n := f.uvarint()
		b := f.take(2 * min(n, maxRuns))
		for ; len(b) > 0; b = b[2:] {
			l.runs[l.n] = payloadRun{isakmp.PayloadType(b[0]), b[1]}
			l.n++
		}
	case jsonFields:
		f.key(name)
		f.buf = append(f.buf, '[')
		for kind, count := range l.All() {
			for range count {
				if f.buf[len(f.buf)-1] != '[' {
					f.buf = append(f.buf, ',')
				}
				f.buf = appendJSONString(f.buf, payloadName(kind))
			}
		}
		f.buf = append(f.buf, ']')
	case describeFields:
		f.describe(name, "names")
	case parseFields:
		*l = f.from.payloads(name)
	}
}

func payloadName(t isakmp.PayloadType) string {
	if t == isakmp.PayloadNone {
		return "more"
	}
	return t.String()
}

// ContentsOf reads a whole message: what its header says and which payloads
// follow. It stops at the first that is broken, whose type it still notes. Of a
// message that is still encrypted, and so not readable, the header tells the
// first payload.
func ContentsOf(message []byte, readable bool) Contents {
	if len(message) < isakmp.HeaderLen {
		return Contents{}
	}
	c := Contents{
		Exchange:  isakmp.ExchangeType(message[18]),
		Encrypted: message[19]&isakmp.FlagEncryption != 0,
		Length:    uint16(min(len(message), 0xffff)),
	}
	next := isakmp.PayloadType(message[16])
	rest := message[isakmp.HeaderLen:]
	for n := 0; next != isakmp.PayloadNone && n < isakmp.MaxPayloads; n++ {
		c.Payloads.Add(next)
		if !readable || len(rest) < 4 || rest[1] != 0 {
			return c
		}
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if size < 4 || size > len(rest) {
			return c
		}
		if next == isakmp.PayloadNotify && c.Notify == 0 && size >= 12 {
			c.Notify = isakmp.NotifyType(binary.BigEndian.Uint16(rest[10:]))
		}
		next, rest = isakmp.PayloadType(rest[0]), rest[size:]
	}
	return c
}
