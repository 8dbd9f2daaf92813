package trace

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"qmidle/internal/isakmp"
)

// ParseJSON reads a record that AppendJSON has written. Members that it does not
// know are passed over, and those that are missing are zero, so that records of
// other releases can be read; an event that it does not know is an error. A
// transform's attributes come back as the numbers that they stand for, which a
// peer may have written in more octets.
func ParseJSON(line []byte) (Record, error) {
	var object struct {
		Time    time.Time
		Event   string
		Local   json.RawMessage
		Remote  json.RawMessage
		Peer    json.RawMessage
		SA      json.RawMessage
		Conn    json.RawMessage
		Role    json.RawMessage
		State   json.RawMessage
		Members map[string]json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal(line, &object); err != nil {
		return Record{}, fmt.Errorf("no event: %w", err)
	}
	event := codeNamed(object.Event).New()
	if event == nil {
		return Record{}, fmt.Errorf("no event is named %q", object.Event)
	}
	rec := Record{Time: object.Time.UTC(), Event: event}
	source := &jsonSource{members: map[string]json.RawMessage{"local": object.Local, "remote": object.Remote, "peer": object.Peer,
		"sa": object.SA, "conn": object.Conn, "role": object.Role, "state": object.State}}
	f := Fields{mode: parseFields, from: source}
	f.AddrPort("local", &rec.Local)
	f.AddrPort("remote", &rec.Remote)
	f.U32("peer", &rec.Peer)
	f.U32("sa", &rec.SA)
	f.U32("conn", &rec.Conn)
	Enum(&f, "role", &rec.Role)
	Enum(&f, "state", &rec.State)
	source.members = object.Members
	event.Fields(&f)
	if source.err != nil {
		return Record{}, fmt.Errorf("%s: %w", object.Event, source.err)
	}
	return rec, nil
}

func codeNamed(name string) Code {
	for code := CodeNone + 1; code < NumCodes; code++ {
		if registry[code].name == name {
			return code
		}
	}
	return CodeNone
}

// jsonSource is the members of an object whose fields are read, and the first
// error.
type jsonSource struct {
	members map[string]json.RawMessage
	err     error
}

func (s *jsonSource) fail(name string, err error) {
	if s.err == nil {
		s.err = fmt.Errorf("member %q: %w", name, err)
	}
}

// read decodes a member; false for one that is not there, or not as it should be.
func (s *jsonSource) read(name string, v any) bool {
	raw := s.members[name]
	if raw == nil {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		s.fail(name, err)
		return false
	}
	return true
}

func (s *jsonSource) number(name string, most uint64) (n uint64) {
	if s.read(name, &n) && n > most {
		s.fail(name, fmt.Errorf("%d is more than %d", n, most))
		return 0
	}
	return n
}

func (s *jsonSource) text(name string) (text string) {
	s.read(name, &text)
	return text
}

func (s *jsonSource) addr(name string) (a netip.Addr) {
	if text := s.text(name); text != "" {
		var err error
		if a, err = netip.ParseAddr(text); err != nil {
			s.fail(name, err)
		}
	}
	return a
}

func (s *jsonSource) addrPort(name string) (a netip.AddrPort) {
	if text := s.text(name); text != "" {
		var err error
		if a, err = netip.ParseAddrPort(text); err != nil {
			s.fail(name, err)
		}
	}
	return a
}

func (s *jsonSource) octets(name string) []byte {
	b, err := hex.DecodeString(s.text(name))
	if err != nil {
		s.fail(name, err)
	}
	if len(b) == 0 {
		return nil
	}
	return b
}

func (s *jsonSource) payloads(name string) (l PayloadList) {
	var names []string
	s.read(name, &names)
	for _, word := range names {
		t, ok := named[isakmp.PayloadType](word)
		if word == payloadName(isakmp.PayloadNone) {
			t, ok = isakmp.PayloadNone, true
		}
		if !ok {
			s.fail(name, fmt.Errorf("no payload is named %q", word))
			return PayloadList{}
		}
		l.Add(t)
	}
	return l
}

// named finds the number of a name.
func named[E interface {
	~uint8 | ~uint16
	String() string
}](name string) (E, bool) {
	// One without a name of its own ends in its number.
	if at := strings.LastIndexByte(name, ' '); at >= 0 {
		if n, err := strconv.ParseUint(name[at+1:], 10, 16); err == nil && uint64(E(n)) == n && E(n).String() == name {
			return E(n), true
		}
	}
	most := uint64(^E(0))
	for n := uint64(0); n <= most; n++ {
		if E(n).String() == name {
			return E(n), true
		}
	}
	return 0, false
}

// attributes reads a transform's attributes into the wire's form.
func (s *jsonSource) attributes(name string, names map[isakmp.AttributeType]string, value func(isakmp.AttributeType, string) (uint64, bool)) []byte {
	var list []struct {
		Type  string
		Value json.RawMessage
	}
	s.read(name, &list)
	var attrs []isakmp.Attribute
	for _, x := range list {
		kind, ok := attributeNamed(names, x.Type)
		if !ok {
			s.fail(name, fmt.Errorf("no attribute is named %q", x.Type))
			return nil
		}
		a, err := attributeOf(kind, x.Value, value)
		if err != nil {
			s.fail(name, fmt.Errorf("%s: %w", x.Type, err))
			return nil
		}
		attrs = append(attrs, a)
	}
	return isakmp.AppendAttributeList(nil, attrs)
}

func attributeNamed(names map[isakmp.AttributeType]string, name string) (isakmp.AttributeType, bool) {
	for kind, x := range names {
		if x == name {
			return kind, true
		}
	}
	digits, found := strings.CutPrefix(name, "attribute ")
	n, err := strconv.ParseUint(digits, 10, 15)
	return isakmp.AttributeType(n), found && err == nil
}

func attributeOf(kind isakmp.AttributeType, raw json.RawMessage, value func(isakmp.AttributeType, string) (uint64, bool)) (isakmp.Attribute, error) {
	var n uint64
	if json.Unmarshal(raw, &n) == nil {
		return numberAttribute(kind, n), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return isakmp.Attribute{}, err
	}
	if n, ok := value(kind, text); ok {
		return numberAttribute(kind, n), nil
	}
	b, err := hex.DecodeString(text)
	return isakmp.Attribute{Type: kind, Value: b}, err
}

// numberAttribute is a number in the shortest form that IOS and others use: two
// octets as a basic attribute, else four or eight.
func numberAttribute(kind isakmp.AttributeType, n uint64) isakmp.Attribute {
	switch {
	case n <= math.MaxUint16:
		return isakmp.BasicAttribute(kind, uint16(n))
	case n <= math.MaxUint32:
		return isakmp.VariableAttribute(kind, n, 4)
	}
	return isakmp.VariableAttribute(kind, n, 8)
}

func ikeValue(kind isakmp.AttributeType, name string) (uint64, bool) {
	switch kind {
	case isakmp.AttrEncryption:
		return numberNamed[isakmp.EncryptionAlgorithm](name)
	case isakmp.AttrHash:
		return numberNamed[isakmp.HashAlgorithm](name)
	case isakmp.AttrAuthMethod:
		return numberNamed[isakmp.AuthMethod](name)
	case isakmp.AttrGroup:
		return numberNamed[isakmp.Group](name)
	case isakmp.AttrLifeType:
		return numberNamed[isakmp.LifeType](name)
	}
	return 0, false
}

func ipsecValue(kind isakmp.AttributeType, name string) (uint64, bool) {
	switch kind {
	case isakmp.IPsecAttrLifeType:
		return numberNamed[isakmp.LifeType](name)
	case isakmp.IPsecAttrGroup:
		return numberNamed[isakmp.Group](name)
	case isakmp.IPsecAttrEncapsulation:
		return numberNamed[isakmp.Encapsulation](name)
	case isakmp.IPsecAttrAuth:
		return numberNamed[isakmp.AuthAlgorithm](name)
	}
	return 0, false
}

func numberNamed[E interface {
	~uint8 | ~uint16
	String() string
}](name string) (uint64, bool) {
	e, ok := named[E](name)
	return uint64(e), ok
}
