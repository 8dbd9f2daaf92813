// Package tshark holds what this program's codec reads of captured messages against what
// Wireshark's dissectors read. It is for tests; tshark has to be installed.
package tshark

import (
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"qmidle/internal/isakmp"
)

// Result is what was compared.
type Result struct {
	Messages, Opened int // messages of IKEv1, and those of them that keys have opened
	Payloads         map[isakmp.PayloadType]int
	Differences      []string
}

// Compare has tshark read a capture with a table of keys, "" for none, and compares the
// header, the chain of payloads with their octets, and the fields of each payload.
// Messages in fragments, of Cisco's kind or IP's, are left out, and so is what is
// encrypted and no key opens.
func Compare(file, table string) (r Result, err error) {
	messages, err := messagesOf(file)
	if err != nil {
		return r, err
	}
	theirs, err := dissect(file, table)
	if err != nil {
		return r, err
	}
	r.Payloads = make(map[isakmp.PayloadType]int)
	twice := answeredTwice(messages)
	for _, number := range theirs.order {
		data, e := messages[number], theirs.of[number]
		h, err := isakmp.ParseHeader(data)
		if err != nil || int(h.Length) != len(data) || h.Version != isakmp.Version1 || h.NextPayload == isakmp.PayloadFragment {
			continue
		}
		if h.Encrypted() && (twice[h.Initiator] || !e.opened()) {
			continue
		}
		r.Messages++
		if h.Encrypted() {
			r.Opened++
		}
		if err := sameReading(h, data, e, r.Payloads); err != nil {
			r.Differences = append(r.Differences, fmt.Sprintf("packet %d: %v", number, err))
		}
	}
	return r, nil
}

// messagesOf are the UDP datagrams of a capture on IKE's ports, by packet number.
func messagesOf(file string) (map[int][]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		return nil, err
	}
	messages := make(map[int][]byte)
	for n := 1; ; n++ {
		data, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return nil, err
		}
		p := gopacket.NewPacket(data, r.LinkType(), gopacket.Default)
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok {
			continue
		}
		message := udp.Payload
		if uint16(udp.SrcPort) == isakmp.PortNATT || uint16(udp.DstPort) == isakmp.PortNATT {
			if len(message) < 4 || binary.BigEndian.Uint32(message) != 0 {
				continue // ESP, or a keepalive
			}
			message = message[4:]
		}
		messages[n] = message
	}
}

// dissection is tshark's, by packet number.
type dissection struct {
	order []int
	of    map[int]element
}

// dissect has tshark read a capture with the keys.
func dissect(file, table string) (d dissection, err error) {
	dir, err := os.MkdirTemp("", "tshark")
	if err != nil {
		return d, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "ikev1_decryption_table"), []byte(table), 0o600); err != nil {
		return d, err
	}
	c := exec.Command("tshark", "-n", "-r", file, "-Y", "isakmp && !icmp", "-T", "pdml")
	c.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+dir)
	out, err := c.Output()
	if err != nil {
		return d, fmt.Errorf("tshark: %w", err)
	}
	var all struct {
		Packets []element `xml:"packet"`
	}
	if err := xml.Unmarshal(out, &all); err != nil {
		return d, fmt.Errorf("tshark's PDML: %w", err)
	}
	d.of = make(map[int]element)
	for _, p := range all.Packets {
		number, message := 0, -1
		for i, e := range p.Protos {
			switch e.Name {
			case "geninfo":
				number, _ = strconv.Atoi(e.Fields[0].Show)
			case "isakmp":
				message = i
			}
		}
		if message >= 0 {
			d.order = append(d.order, number)
			d.of[number] = p.Protos[message]
		}
	}
	return d, nil
}
