package gateway

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/radius"
	"qmidle/internal/router"
)

// radiusSocket names a local socket: each is connected to one server, so that
// the kernel drops what comes from elsewhere.
type radiusSocket struct {
	server netip.AddrPort
	number uint8
}

// radiusReply is what came from a server.
type radiusReply struct {
	from radiusSocket
	data []byte
}

const replyQueue = 1024

// radiusClient carries RADIUS packets between the router and the servers. A
// server that is slow or gone costs a socket, and delays nobody.
type radiusClient struct {
	open    map[radiusSocket]*net.UDPConn // the loop's own
	replies chan radiusReply
	readers sync.WaitGroup
}

func newRADIUSClient() *radiusClient {
	return &radiusClient{open: make(map[radiusSocket]*net.UDPConn), replies: make(chan radiusReply, replyQueue)}
}

// send sends a request. That it cannot be sent is as if the server were silent:
// the request is sent again.
func (c *radiusClient) send(d aaa.Datagram) error {
	at := radiusSocket{d.Server, d.Socket}
	conn := c.open[at]
	if conn == nil {
		var err error
		if conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(d.Server)); err != nil {
			return err
		}
		c.open[at] = conn
		c.readers.Go(func() { c.read(at, conn) })
	}
	_, err := conn.Write(d.Data)
	return err
}

// read hands on what comes. More than the loop takes is dropped, as by a full
// socket; a refusal of the server's host ends nothing.
func (c *radiusClient) read(at radiusSocket, conn *net.UDPConn) {
	buf := make([]byte, radius.MaxLength+1)
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		select {
		case c.replies <- radiusReply{at, append([]byte(nil), buf[:n]...)}:
		default:
		}
	}
}

// keep closes the sockets to servers that are no longer asked.
func (c *radiusClient) keep(wanted func(netip.AddrPort) bool) {
	for at, conn := range c.open {
		if !wanted(at.server) {
			conn.Close()
			delete(c.open, at)
		}
	}
}

func (c *radiusClient) close() {
	c.keep(func(netip.AddrPort) bool { return false })
	c.readers.Wait()
}

// sendRADIUS sends what the router asks of servers.
func (g *Gateway) sendRADIUS(all []aaa.Datagram) {
	for _, d := range all {
		if err := g.radius.send(d); err != nil {
			g.notices.tell(time.Now(), "radius "+d.Server.String(), "the RADIUS server %s cannot be asked: %s", d.Server, plainly(err))
		}
	}
}

func (g *Gateway) radiusReply(r radiusReply) {
	g.handle("a packet of the RADIUS server "+r.from.server.String(), func(now time.Time) router.Output {
		return g.router.RADIUSReply(now, r.from.server, r.from.number, r.data)
	})
}
