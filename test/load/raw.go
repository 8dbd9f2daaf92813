package load

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/ipv4"
)

// rawESP is a socket of IP protocol 50 and every address.
type rawESP struct{ conn *net.IPConn }

func listenESP() (*rawESP, error) {
	conn, err := net.ListenIP("ip4:50", nil)
	if err != nil {
		return nil, err
	}
	if err := prepare(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &rawESP{conn}, nil
}

// receive gives what comes to out, without IP header, until the socket is closed.
func (r *rawESP) receive(out chan<- []byte) {
	buf := make([]byte, 1<<16)
	for {
		n, _, _, _, err := r.conn.ReadMsgIP(buf, nil)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < ipHeaderLen {
			continue
		}
		header := int(buf[0]&15) * 4
		if header < ipHeaderLen || n < header {
			continue
		}
		out <- append([]byte(nil), buf[header:n]...)
	}
}

// send sends a packet. One that the kernel refuses would be missed: it is an error.
func (r *rawESP) send(p ESP) error {
	control := ipv4.ControlMessage{Src: p.Local.AsSlice()}
	if _, _, err := r.conn.WriteMsgIP(p.Data, control.Marshal(), &net.IPAddr{IP: p.Remote.AsSlice()}); err != nil {
		return fmt.Errorf("ESP from %v to %v: %w", p.Local, p.Remote, err)
	}
	return nil
}
