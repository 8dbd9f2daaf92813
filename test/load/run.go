package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// socketBuffer absorbs what comes while the crowd computes.
const socketBuffer = 16 << 20

// wire is a socket of one port and every address. The host must take the sites'
// addresses for its own (`ip route add local PREFIX dev lo`).
type wire struct {
	conn *net.UDPConn
	port uint16
	oob  []byte
}

func listen(port uint16) (*wire, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(port)})
	if err != nil {
		return nil, err
	}
	if err := prepare(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &wire{conn: conn, port: port}, nil
}

// prepare gives a socket a large buffer, and has it tell where packets were sent to.
func prepare(conn syscall.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = errors.Join(os.NewSyscallError("SO_RCVBUFFORCE", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)),
			os.NewSyscallError("IP_PKTINFO", unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)))
	})
	return errors.Join(err, refused)
}

// packet is an IKE message that came.
type packet struct {
	local, remote netip.AddrPort
	data          []byte
}

// receive gives what comes to out, until the socket is closed.
func (w *wire) receive(out chan<- packet) {
	buf, oob := make([]byte, 1<<16), make([]byte, 128)
	var control ipv4.ControlMessage
	for {
		n, k, _, from, err := w.conn.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || control.Parse(oob[:k]) != nil {
			continue
		}
		data := buf[:n]
		if w.port == isakmp.PortNATT {
			if ipsec.ClassifyUDP(data) != ipsec.UDPIKE {
				continue
			}
			data = data[ipsec.NonESPMarkerLen:]
		}
		to, _ := netip.AddrFromSlice(control.Dst.To4())
		out <- packet{netip.AddrPortFrom(to, w.port), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), append([]byte(nil), data...)}
	}
}

func (w *wire) send(d ike.Datagram) error {
	data := d.Data
	if w.port == isakmp.PortNATT && !d.Keepalive {
		data = append(make([]byte, ipsec.NonESPMarkerLen, ipsec.NonESPMarkerLen+len(data)), data...)
	}
	control := ipv4.ControlMessage{Src: d.Local.Addr().AsSlice()}
	w.oob = control.Marshal()
	_, _, err := w.conn.WriteMsgUDPAddrPort(data, w.oob, d.Remote)
	return err
}

// Run begins all tunnels and keeps them up until the context ends; then it deletes
// them. It tells how the crowd stands each time that tell's interval is over. Once rest
// is closed nothing is sent through the tunnels any more, and no pair is renewed by the
// sites.
func Run(ctx context.Context, cfg Config, interval time.Duration, rest <-chan struct{}, tell func(Stats)) error {
	r := runner{crowd: New(cfg, time.Now()), wires: make(map[uint16]*wire), in: make(chan packet, 4096), esp: make(chan []byte, 4096), pacer: pacer{rate: cfg.Rate, last: time.Now()}, rest: rest}
	for _, port := range []uint16{isakmp.PortIKE, isakmp.PortNATT} {
		w, err := listen(port)
		if err != nil {
			return fmt.Errorf("UDP %d: %w", port, err)
		}
		defer w.conn.Close()
		r.wires[port] = w
		go w.receive(r.in)
	}
	if cfg.Rate > 0 {
		var err error
		if r.raw, err = listenESP(); err != nil {
			return fmt.Errorf("ESP: %w", err)
		}
		defer r.raw.conn.Close()
		go r.raw.receive(r.esp)
	}
	return r.loop(ctx, interval, tell)
}

type runner struct {
	crowd *Crowd
	wires map[uint16]*wire
	in    chan packet
	raw   *rawESP // nil where nothing is sent through the tunnels
	esp   chan []byte
	pacer pacer
	rest  <-chan struct{}
}

func (r *runner) loop(ctx context.Context, interval time.Duration, tell func(Stats)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	turns := time.NewTicker(pace)
	defer turns.Stop()
	if r.raw == nil {
		turns.Stop()
	}
	if err := r.send(r.crowd.Begin(time.Now())); err != nil {
		return err
	}
	for {
		timer.Reset(r.wait())
		var out []ike.Datagram
		select {
		case <-ctx.Done():
			defer func() { tell(r.crowd.Stats()) }()
			return r.send(r.crowd.End(time.Now()))
		case p := <-r.in:
			out = r.crowd.Datagram(time.Now(), p.local, p.remote, p.data)
		case <-timer.C:
			out = r.crowd.Timeout(time.Now())
		case <-ticker.C:
			tell(r.crowd.Stats())
		case p := <-r.esp:
			r.crowd.Take(p)
		case <-turns.C:
			now := time.Now()
			for _, p := range r.crowd.Send(r.pacer.due(now)) {
				if err := r.raw.send(p); err != nil {
					return err
				}
			}
		case <-r.rest:
			turns.Stop()
			r.crowd.Rest()
			r.rest = nil
		}
		if err := r.send(out); err != nil {
			return err
		}
	}
}

func (r *runner) wait() time.Duration {
	at, ok := r.crowd.NextDeadline()
	if !ok {
		return time.Hour
	}
	return max(0, time.Until(at))
}

// send sends datagrams. A full queue, or a hub that is not there, is a loss as any
// other.
func (r *runner) send(list []ike.Datagram) error {
	for _, d := range list {
		err := r.wires[d.Local.Port()].send(d)
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOBUFS) && !errors.Is(err, syscall.EHOSTUNREACH) {
			return fmt.Errorf("from %v to %v: %w", d.Local, d.Remote, err)
		}
	}
	return nil
}
