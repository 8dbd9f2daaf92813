package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// AppendText appends an event's code and its fields as " name=value", in their
// order, for what IOS has no words for.
func AppendText(dst []byte, r *Record) []byte {
	dst = append(dst, r.Event.Code().String()...)
	f := Fields{mode: jsonFields, buf: []byte{'{'}}
	r.Event.Fields(&f)
	return appendFieldsText(dst, append(f.buf, '}'))
}

func appendFieldsText(dst, object []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil { // the opening brace
		return dst
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			break
		}
		dst = fmt.Appendf(dst, " %s=%s", name, valueText(value))
	}
	return dst
}

// valueText drops the quotes of a word and keeps those of any other text: it
// may come from the peer.
func valueText(value json.RawMessage) string {
	text := string(value)
	word := strings.Trim(text, `"`)
	if word == "" || strings.ContainsFunc(word, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\={}[]`, r)
	}) {
		return text
	}
	return word
}
