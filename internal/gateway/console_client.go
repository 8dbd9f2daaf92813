package gateway

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Console is a console of a daemon: what is read from it is for the screen.
type Console struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one frame at a time
}

// OpenConsole opens a console of the daemon at the socket, for a terminal.
func OpenConsole(socket string, screen Screen) (*Console, error) {
	conn, err := net.DialTimeout("unix", socket, dialPatient)
	if err != nil {
		return nil, dialError(socket, err)
	}
	c := &Console{conn: conn, in: bufio.NewReader(conn)}
	if err := c.begin(socket, Request{Console: true, Screen: screen}); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Console) begin(socket string, q Request) error {
	if err := c.conn.SetDeadline(time.Now().Add(dialPatient)); err != nil {
		return brokenError(socket)
	}
	b, err := json.Marshal(q)
	if err != nil {
		return err
	}
	// A daemon that refuses us answers and closes without reading.
	_, _ = c.conn.Write(append(b, '\n'))
	line, err := c.in.ReadSlice('\n')
	var p Response
	if err != nil || json.Unmarshal(line, &p) != nil {
		return brokenError(socket)
	}
	if !p.OK {
		return errors.New(strings.TrimPrefix(p.Error, "% "))
	}
	return c.conn.SetDeadline(time.Time{})
}

// Read implements io.Reader; io.EOF says that the operator has left.
func (c *Console) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, errors.New("the daemon is gone: " + plainly(err))
	}
	return n, err
}

// Write sends keys.
func (c *Console) Write(keys []byte) (int, error) {
	for sent := 0; sent < len(keys); {
		n := min(len(keys)-sent, maxFrame)
		if err := c.send(frameKeys, keys[sent:sent+n]...); err != nil {
			return sent, err
		}
		sent += n
	}
	return len(keys), nil
}

// Resize tells the terminal's size, in columns and lines.
func (c *Console) Resize(width, height int) error {
	body := binary.BigEndian.AppendUint16(nil, uint16(width))
	return c.send(frameSize, binary.BigEndian.AppendUint16(body, uint16(height))...)
}

func (c *Console) send(kind byte, body ...byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(appendFrame(nil, kind, body...))
	return err
}

// Close ends the connection.
func (c *Console) Close() error { return c.conn.Close() }
