package diagnose

import (
	"encoding/json"
	"fmt"
	"strings"

	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// aclLine is a line of a crypto access list.
type aclLine = policy.ACLEntry

func selectorOf(local, remote trace.Proxy) ipsec.Selector { return policy.Selector(local, remote) }

// encapsulationText says how an SA wraps a packet.
func encapsulationText(t *Tunnel) string {
	suite := t.SA.Suite
	mode := "tunnel"
	if policy.IsTransport(suite.Encap) {
		mode = "transport"
	}
	words := []string{cipherWord(uint32(suite.Transform))}
	if suite.KeyBits != 0 {
		words = append(words, fmt.Sprint(suite.KeyBits))
	}
	if suite.Auth != 0 {
		words = append(words, integrityWord(uint32(suite.Auth)))
	}
	how := "protocol 50"
	if policy.IsUDP(suite.Encap) {
		how = fmt.Sprintf("UDP %d to %d", t.SA.Local.Port(), t.SA.Remote.Port())
	}
	return fmt.Sprintf("ESP in %s mode, %s, %s to %s, %s", mode, strings.Join(words, " "), t.SA.Local.Addr(), t.SA.Remote.Addr(), how)
}

// Text has a line for each step, and what becomes of the packet.
func (w Way) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", w.Packet)
	for _, s := range w.Steps {
		head := fmt.Sprintf("  %-13s %-8s ", s.Name, s.Verdict)
		wrapBehind(&b, head, s.Text)
	}
	Wrap(&b, "", "It "+inSentence(w.End)+w.Why+".")
	return b.String()
}

// inSentence is the end as the beginning of a sentence that the reason ends.
func inSentence(e End) string {
	switch e {
	case EndDropped, EndLocal:
		return "is " + string(e) + ": "
	case EndEncrypted, EndDecrypted:
		return string(e) + " "
	}
	return string(e) + ": "
}

// String is the packet in a line: "icmp 192.168.2.1 -> 192.168.3.1".
func (p Packet) String() string {
	text := fmt.Sprintf("%s %s -> %s", protocolName(p.Protocol), p.From, p.To)
	if p.Port != 0 {
		text += fmt.Sprintf(" port %d", p.Port)
	}
	return text
}

var protocolNames = map[uint8]string{0: "ip", 1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ahp", 88: "eigrp", 89: "ospf"}

func protocolName(n uint8) string {
	if name, ok := protocolNames[n]; ok {
		return name
	}
	return fmt.Sprintf("protocol %d", n)
}

// ProtocolNumber reads a protocol's name or number.
func ProtocolNumber(word string) (uint8, bool) {
	for n, name := range protocolNames {
		if strings.EqualFold(name, word) {
			return n, true
		}
	}
	var n int
	if _, err := fmt.Sscanf(word, "%d", &n); err != nil || n < 0 || n > 255 || fmt.Sprint(n) != word {
		return 0, false
	}
	return uint8(n), true
}

// wrapBehind writes text behind a head, its further lines below itself.
func wrapBehind(b *strings.Builder, head, text string) {
	var body strings.Builder
	indent := strings.Repeat(" ", len(head))
	Wrap(&body, indent, text)
	b.WriteString(head + strings.TrimPrefix(body.String(), indent))
}

// MarshalJSON is {"packet": {...}, "steps": [...], "end": ..., "why": ...}.
func (w Way) MarshalJSON() ([]byte, error) {
	type packet struct {
		From     string `json:"from"`
		To       string `json:"to"`
		Protocol string `json:"protocol"`
		Port     uint16 `json:"port,omitempty"`
	}
	return json.Marshal(struct {
		Packet packet `json:"packet"`
		Steps  []Step `json:"steps"`
		End    End    `json:"end"`
		Why    string `json:"why"`
	}{packet{w.Packet.From.String(), w.Packet.To.String(), protocolName(w.Packet.Protocol), w.Packet.Port},
		append([]Step{}, w.Steps...), w.End, w.Why})
}
