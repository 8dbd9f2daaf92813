package gateway

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"qmidle/internal/console"
)

const (
	maxConsoles  = 8
	maxFrame     = 4096 // octets of keys
	keyQueue     = 256  // frames
	monitorQueue = 4096 // pieces of text
)

// Frames of a console's client: a kind, a length of two octets, and so many
// octets. Back come the bytes for the screen as they are.
const (
	frameKeys byte = 'k'
	frameSize byte = 'w' // width and height, two octets each
)

// Keys that break off what takes long, such as a ping.
const (
	ctrlC     = 0x03
	ctrlShift = 0x1e // Ctrl-^, the escape sequence of IOS
)

// stream makes a client's connection a console's, and serves it until the
// operator leaves or the gateway ends.
func (c *control) stream(conn *net.UnixConn, q Request) {
	c.mu.Lock()
	full := c.consoles >= maxConsoles
	if !full && !c.closed {
		c.consoles++
		// An operator may think for as long as they like.
		conn.SetReadDeadline(time.Time{})
	}
	closed := c.closed
	c.mu.Unlock()
	if full || closed {
		reply(conn, Response{Error: "% Too many consoles: leave one of them first"})
		return
	}
	defer func() {
		c.mu.Lock()
		c.consoles--
		c.mu.Unlock()
	}()
	if reply(conn, Response{OK: true}) == nil {
		c.console(c.ctx, conn, q)
	}
}

// console serves an operator.
func (g *Gateway) console(ctx context.Context, conn net.Conn, q Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := &operator{conn: conn, keys: make(chan []byte, keyQueue), ctx: ctx, view: &view{Router: g.router, g: g, ctx: ctx}}
	o.terminal = console.NewTerminal(o, console.NewSession(o.view), console.TerminalOptions{
		Serialize: o.serialize, Width: q.Width, Height: q.Height, Style: q.style()})
	m := g.monitors.add()
	var helpers sync.WaitGroup
	helpers.Go(func() { defer cancel(); o.receive() })
	helpers.Go(func() { m.run(o.terminal.Monitor) })
	// The error is the connection's, which is at its end either way.
	_ = o.terminal.Run()
	g.monitors.remove(m)
	conn.SetReadDeadline(time.Now()) // ends receive
	helpers.Wait()
}

// operator is one console: the keys of its client, and its screen.
type operator struct {
	conn     net.Conn
	ctx      context.Context // ends with the client
	keys     chan []byte
	rest     []byte // of a frame that is being read
	terminal *console.Terminal
	view     *view

	mu    sync.Mutex
	abort context.CancelFunc // of the command that runs; nil for none
}

// serialize runs what a terminal does with the router.
func (o *operator) serialize(f func()) {
	ctx, cancel := context.WithCancel(o.ctx)
	defer cancel()
	o.setAbort(cancel)
	defer o.setAbort(nil)
	o.view.ctx = ctx
	if err := o.view.lease(f); err != nil {
		fmt.Fprintf(o, "\r\n%v\r\n", err)
	}
}

func (o *operator) setAbort(f context.CancelFunc) {
	o.mu.Lock()
	o.abort = f
	o.mu.Unlock()
}

// Read gives the terminal its keys.
func (o *operator) Read(p []byte) (int, error) {
	for len(o.rest) == 0 {
		select {
		case o.rest = <-o.keys:
		case <-o.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// Write shows text. A client that does not take it in time is given up, so that
// nobody waits for it a second time.
func (o *operator) Write(p []byte) (int, error) {
	err := o.conn.SetWriteDeadline(time.Now().Add(writePatient))
	if err != nil {
		return 0, err
	}
	n, err := o.conn.Write(p)
	if err != nil {
		o.conn.Close()
	}
	return n, err
}

// receive takes the client's frames until the connection ends or is of no use.
func (o *operator) receive() {
	in := bufio.NewReader(o.conn)
	for {
		kind, body, err := readFrame(in)
		switch {
		case err != nil:
			return
		case kind == frameKeys:
			o.press(body)
		case kind == frameSize && len(body) == 4:
			o.terminal.Resize(int(binary.BigEndian.Uint16(body)), int(binary.BigEndian.Uint16(body[2:])))
		}
	}
}

func (o *operator) press(keys []byte) {
	for _, k := range keys {
		if k == ctrlC || k == ctrlShift {
			o.mu.Lock()
			if o.abort != nil {
				o.abort()
			}
			o.mu.Unlock()
		}
	}
	select {
	case o.keys <- keys:
	case <-o.ctx.Done():
	}
}

var errFrame = errors.New("a frame is too long")

func readFrame(in io.Reader) (kind byte, body []byte, err error) {
	var head [3]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint16(head[1:])
	if n > maxFrame {
		return 0, nil, errFrame
	}
	body = make([]byte, n)
	_, err = io.ReadFull(in, body)
	return head[0], body, err
}

func appendFrame(b []byte, kind byte, body ...byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// monitors are the consoles, each of which may want to see debug text.
type monitors struct {
	mu   sync.Mutex
	list map[*monitor]bool
}

// monitor is a queue to one console. The loop never waits for it.
type monitor struct {
	queue chan []byte
	lost  bool // the queue's reader was too slow; monitors.mu guards it
}

func (m *monitors) add() *monitor {
	x := &monitor{queue: make(chan []byte, monitorQueue)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list == nil {
		m.list = make(map[*monitor]bool)
	}
	m.list[x] = true
	return x
}

func (m *monitors) remove(x *monitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.list, x)
	close(x.queue)
}

// write queues a copy of text for every console.
func (m *monitors) write(text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.list) == 0 {
		return
	}
	text = append([]byte(nil), text...)
	for x := range m.list {
		x.write(text)
	}
}

func (x *monitor) write(text []byte) {
	if x.lost {
		text = append([]byte("qmidle: lines were lost here: they came faster than this console could show them\n"), text...)
	}
	select {
	case x.queue <- text:
		x.lost = false
	default:
		x.lost = true
	}
}

func (x *monitor) run(show func([]byte)) {
	for text := range x.queue {
		show(text)
	}
}

// text takes debug text and system messages of the router.
func (g *Gateway) text(text []byte) {
	g.log.write(text)
	g.monitors.write(text)
}
