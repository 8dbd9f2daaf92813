package tshark

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"qmidle/internal/isakmp"
)

// element is one of tshark's PDML.
type element struct {
	Name   string    `xml:"name,attr"`
	Show   string    `xml:"show,attr"`
	Value  string    `xml:"value,attr"` // octets in hexadecimal digits
	Protos []element `xml:"proto"`
	Fields []element `xml:"field"`
}

// payloads are the top ones of a message, and what is behind them.
func (e element) payloads() (list []element, padding string) {
	for _, f := range e.Fields {
		switch f.Name {
		case "isakmp.typepayload":
			list = append(list, f)
		case "isakmp.extradata":
			padding += f.Value
		case "isakmp.enc.data":
			more, pad := f.payloads()
			list, padding = append(list, more...), padding+pad
		}
	}
	return list, padding
}

// opened says whether the body of a message that was encrypted is in clear.
func (e element) opened() bool {
	list, _ := e.payloads()
	return len(list) > 0
}

// compared are the fields that both sides are asked for, besides the octets of each
// payload.
var compared = []string{"sa.doi", "sa.situation", "prop.number", "prop.protoid", "prop.transforms", "trans.number", "trans.id", "ike.attr.type", "ike.attr.value",
	"ipsec.attr.type", "ipsec.attr.value", "id.type", "id.protoid", "id.port", "notify.doi", "notify.protoid", "notify.msgtype", "spi", "delete.doi", "delete.protoid",
	"spinum", "delete.spi", "cert.encoding", "certreq.type", "key_exchange.data", "nonce", "hash", "sig", "ike.nat_hash", "cfg.type", "cfg.identifier", "cfg.attr.type", "cfg.attr.value"}

// facts are what an element says, in the order of the wire.
func (e element) facts(list []string) []string {
	name := strings.TrimPrefix(e.Name, "isakmp.")
	if slices.Contains(compared, name) && e.Value != "" {
		list = append(list, name+"="+e.Value)
	}
	for _, f := range e.Fields {
		list = f.facts(list)
	}
	return list
}

// said collects what our codec says.
type said []string

func (s *said) add(name string, value []byte) {
	if len(value) > 0 {
		*s = append(*s, name+"="+hex.EncodeToString(value))
	}
}

func (s *said) num(name string, size int, v uint32) {
	s.add(name, binary.BigEndian.AppendUint32(nil, v)[4-size:])
}

func (s *said) attributes(kind string, list []isakmp.Attribute) {
	for _, a := range list {
		t := uint32(a.Type)
		if a.Basic {
			t |= 0x8000
		}
		s.num(kind+".attr.type", 2, t)
		s.add(kind+".attr.value", a.Value)
	}
}

// ours is what our codec says of a payload, in tshark's words.
func ours(p isakmp.Payload) (s said, err error) {
	switch p.Type {
	case isakmp.PayloadSA:
		err = s.sa(p)
	case isakmp.PayloadID:
		x, e := isakmp.ParseID(p)
		err = e
		s.num("id.type", 1, uint32(x.Type))
		s.num("id.protoid", 1, uint32(x.Protocol))
		s.num("id.port", 2, uint32(x.Port))
	case isakmp.PayloadNotify:
		x, e := isakmp.ParseNotify(p)
		err = e
		s.num("notify.doi", 4, x.DOI)
		s.num("notify.protoid", 1, uint32(x.Protocol))
		s.num("notify.msgtype", 2, uint32(x.Type))
		s.add("spi", x.SPI)
	case isakmp.PayloadDelete:
		x, e := isakmp.ParseDelete(p)
		err = e
		s.num("delete.doi", 4, x.DOI)
		s.num("delete.protoid", 1, uint32(x.Protocol))
		s.num("spinum", 2, uint32(len(x.SPIs)))
		for _, spi := range x.SPIs {
			s.add("delete.spi", spi)
		}
	case isakmp.PayloadCert:
		x, e := isakmp.ParseCert(p)
		err = e
		s.num("cert.encoding", 1, uint32(x.Encoding))
	case isakmp.PayloadCertRequest:
		x, e := isakmp.ParseCertRequest(p)
		err = e
		s.num("certreq.type", 1, uint32(x.Encoding))
	case isakmp.PayloadAttributes:
		x, e := isakmp.ParseAttributes(p)
		err = e
		s.num("cfg.type", 1, uint32(x.Type))
		s.num("cfg.identifier", 2, uint32(x.Identifier))
		s.attributes("cfg", x.Attributes)
	default:
		if name := opaque[p.Type]; name != "" {
			s.add(name, p.Body)
		}
	}
	return s, err
}

// opaque are payloads of octets alone.
var opaque = map[isakmp.PayloadType]string{isakmp.PayloadKE: "key_exchange.data", isakmp.PayloadNonce: "nonce", isakmp.PayloadHash: "hash",
	isakmp.PayloadSignature: "sig", isakmp.PayloadNATD: "ike.nat_hash", isakmp.PayloadNATDDraft: "ike.nat_hash"}

func (s *said) sa(p isakmp.Payload) error {
	x, err := isakmp.ParseSA(p)
	s.num("sa.doi", 4, x.DOI)
	s.num("sa.situation", 4, x.Situation)
	for _, prop := range x.Proposals {
		s.num("prop.number", 1, uint32(prop.Number))
		s.num("prop.protoid", 1, uint32(prop.Protocol))
		s.num("prop.transforms", 1, uint32(len(prop.Transforms)))
		s.add("spi", prop.SPI)
		for _, tr := range prop.Transforms {
			s.num("trans.number", 1, uint32(tr.Number))
			s.num("trans.id", 1, uint32(tr.ID))
			kind := "ipsec"
			if prop.Protocol == isakmp.ProtocolISAKMP {
				kind = "ike"
			}
			s.attributes(kind, tr.Attributes)
		}
	}
	return err
}

// answeredTwice are the initiators' cookies with two responders': a first message was
// sent again before a NAT let its answer in. tshark takes the keys of the first.
func answeredTwice(messages map[int][]byte) map[isakmp.Cookie]bool {
	first, twice := make(map[isakmp.Cookie]isakmp.Cookie), make(map[isakmp.Cookie]bool)
	for _, number := range slices.Sorted(maps.Keys(messages)) {
		x, err := isakmp.ParseHeader(messages[number])
		if err != nil || x.Responder.IsZero() {
			continue
		}
		if before, known := first[x.Initiator]; known && before != x.Responder {
			twice[x.Initiator] = true
		}
		first[x.Initiator] = x.Responder
	}
	return twice
}

func sameReading(h isakmp.Header, data []byte, e element, kinds map[isakmp.PayloadType]int) error {
	their := make(map[string]string)
	for _, f := range e.Fields {
		their[f.Name] = f.Value
	}
	var own said
	own.add("ispi", h.Initiator[:])
	own.add("rspi", h.Responder[:])
	own.num("nextpayload", 1, uint32(h.NextPayload))
	own.num("version", 1, uint32(h.Version))
	own.num("exchangetype", 1, uint32(h.Exchange))
	own.num("flags", 1, uint32(h.Flags))
	own.num("messageid", 4, h.MessageID)
	own.num("length", 4, h.Length)
	for _, one := range own {
		name, value, _ := strings.Cut(one, "=")
		if their["isakmp."+name] != value {
			return fmt.Errorf("%s is %s here and %s for tshark", name, value, their["isakmp."+name])
		}
	}
	list, padding := e.payloads()
	body := data[isakmp.HeaderLen:]
	if h.Encrypted() {
		clear := padding
		for i := len(list) - 1; i >= 0; i-- {
			clear = list[i].Value + clear
		}
		opened, err := hex.DecodeString(clear)
		if err != nil || len(opened) != len(body) {
			return fmt.Errorf("tshark has opened %d octets of %d: %v", len(opened), len(body), err)
		}
		body = opened
	}
	payloads, _, err := isakmp.ParsePayloads(h.NextPayload, body, h.Encrypted(), nil)
	if err != nil {
		return err
	}
	if len(payloads) != len(list) {
		return fmt.Errorf("%d payloads, and %d for tshark", len(payloads), len(list))
	}
	for i, p := range payloads {
		kinds[p.Type]++
		if err := samePayload(p, list[i]); err != nil {
			return fmt.Errorf("payload %d, %s: %w", i+1, p.Type, err)
		}
	}
	return nil
}

func samePayload(p isakmp.Payload, e element) error {
	if got := hex.EncodeToString(p.Raw); got != e.Value {
		return fmt.Errorf("it is %s here and %s for tshark", got, e.Value)
	}
	own, err := ours(p)
	if err != nil {
		return err
	}
	if their := e.facts(nil); !slices.Equal(own, their) {
		return errors.New("here it says\n" + strings.Join(own, " ") + "\nand for tshark\n" + strings.Join(their, " "))
	}
	return nil
}
