package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"qmidle/internal/console"
)

const (
	ipv4HeaderLen = 20
	echoHeaderLen = 8
	maxPing       = 18024 // octets of a packet
	protocolICMP  = 1
)

// ping sends echo requests through the kernel, from the source address if
// there is one, so that the routes and the policy decide on them as on any
// packet of the host.
func (g *Gateway) ping(ctx context.Context, req console.PingRequest) (console.PingResult, error) {
	source := "0.0.0.0"
	if req.Source.IsValid() {
		source = req.Source.String()
	}
	conn, err := icmp.ListenPacket("ip4:icmp", source)
	if err != nil {
		return console.PingResult{}, pingError(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	p := pinger{conn: conn, target: req.Target, id: uint16(rand.Uint32())}
	p.payload = make([]byte, max(0, min(req.Size, maxPing)-ipv4HeaderLen-echoHeaderLen))
	var result console.PingResult
	for range req.Count {
		probe, err := p.probe(req.Timeout)
		if err != nil {
			return result, pingError(err)
		}
		result.Probes = append(result.Probes, probe)
	}
	return result, nil
}

func pingError(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("Invalid source address- IP address not on any of our up interfaces")
	case errors.Is(err, net.ErrClosed):
		return errors.New("The ping was broken off")
	}
	return fmt.Errorf("The ping cannot be sent: %s", plainly(err))
}

type pinger struct {
	conn    *icmp.PacketConn
	target  netip.Addr
	id, seq uint16
	payload []byte
}

// probe sends one request and waits for its answer. A host without a route
// sends nothing, and waits for nothing.
func (p *pinger) probe(timeout time.Duration) (console.PingProbe, error) {
	p.seq++
	message := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(p.id), Seq: int(p.seq), Data: p.payload}}
	b, err := message.Marshal(nil)
	if err != nil {
		return console.PingProbe{}, err
	}
	sent := time.Now()
	if err := p.conn.SetReadDeadline(sent.Add(timeout)); err != nil {
		return console.PingProbe{}, err
	}
	_, err = p.conn.WriteTo(b, &net.IPAddr{IP: p.target.AsSlice()})
	if errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) {
		return console.PingProbe{Outcome: console.PingTimeout}, nil
	}
	if err != nil {
		return console.PingProbe{}, err
	}
	return p.await(sent)
}

func (p *pinger) await(sent time.Time) (console.PingProbe, error) {
	buf := make([]byte, maxPing)
	for {
		n, from, err := p.conn.ReadFrom(buf)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return console.PingProbe{Outcome: console.PingTimeout}, nil
		}
		if err != nil {
			return console.PingProbe{}, err
		}
		if outcome, ok := p.answer(from, buf[:n]); ok {
			return console.PingProbe{Outcome: outcome, RTT: time.Since(sent)}, nil
		}
	}
}

// answer says what a message means for the request that waits; every other
// process's ICMP comes here too.
func (p *pinger) answer(from net.Addr, b []byte) (outcome console.PingOutcome, ok bool) {
	m, err := icmp.ParseMessage(protocolICMP, b)
	if err != nil {
		return 0, false
	}
	switch body := m.Body.(type) {
	case *icmp.Echo:
		ours := m.Type == ipv4.ICMPTypeEchoReply && from.String() == p.target.String()
		return console.PingReply, ours && body.ID == int(p.id) && body.Seq == int(p.seq)
	case *icmp.DstUnreach:
		return console.PingUnreachable, p.quotes(body.Data)
	}
	return 0, false
}

// quotes says whether an ICMP error is about the request that waits: it holds
// the request's IP header and 8 octets more (RFC 792).
func (p *pinger) quotes(b []byte) bool {
	if len(b) < ipv4HeaderLen {
		return false
	}
	header := int(b[0]&15) * 4
	if header < ipv4HeaderLen || len(b) < header+echoHeaderLen || b[9] != protocolICMP {
		return false
	}
	echo := b[header:]
	return netip.AddrFrom4([4]byte(b[16:20])) == p.target &&
		binary.BigEndian.Uint16(echo[4:]) == p.id && binary.BigEndian.Uint16(echo[6:]) == p.seq
}
