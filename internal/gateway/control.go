package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultState is where the addresses of clients are kept.
const DefaultState = "/var/lib/qmidle"

// DefaultSocket is where the control socket is.
const DefaultSocket = "/run/qmidle/qmidle.sock"

const (
	maxClients   = 32
	maxRequest   = 64 << 10 // octets of a line
	clientIdle   = time.Minute
	writePatient = 10 * time.Second
)

// control is the socket on which commands come. Only root and the daemon's own
// user may use it: the file's mode says so, and the kernel is asked who has
// connected.
type control struct {
	listener *net.UnixListener
	lock     *os.File // held for as long as the daemon runs
	cancel   context.CancelFunc
	ctx      context.Context
	mu       sync.Mutex
	clients  map[net.Conn]bool
	consoles int // of the clients
	closed   bool
	// console serves a client that wants a console; nil where there is none.
	console func(context.Context, net.Conn, Request)
	serving sync.WaitGroup
}

// listenControl makes the socket. What a daemon left that was killed is
// removed; a daemon that runs is left alone.
func listenControl(path string) (*control, error) {
	if err := makeSocketDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, socketPathError(path, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, &OperatorError{"another qmidle runs with the control socket " + path,
			"stop it, or give this one a socket of its own: -s PATH"}
	}
	listener, err := listenUnix(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	c := &control{listener: listener, lock: lock, clients: make(map[net.Conn]bool)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

func listenUnix(path string) (*net.UnixListener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, &OperatorError{path + " is there and no socket", "give another path: -s PATH"}
		}
		if err := os.Remove(path); err != nil {
			return nil, socketPathError(path, err)
		}
	}
	// No moment may pass in which the socket has a wider mode.
	old := unix.Umask(0o177)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, socketPathError(path, err)
	}
	return listener, nil
}

// makeSocketDir makes the directory for root alone. One that is there has the
// mode that its owner wants, but for the default one, which is ours.
func makeSocketDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return socketPathError(dir, err)
	}
	if dir == filepath.Dir(DefaultSocket) {
		if err := os.Chmod(dir, 0o700); err != nil {
			return socketPathError(dir, err)
		}
	}
	return nil
}

func socketPathError(path string, err error) error {
	e := &OperatorError{fmt.Sprintf("control socket %s: %s", path, plainly(err)), filesHint(err)}
	if errors.Is(err, fs.ErrPermission) {
		e.Hint = "`qmidle run` needs root, or a path that it may write: -s PATH"
	}
	return e
}

// serve answers clients until close.
func (c *control) serve(run func(context.Context, Request) Response) {
	defer c.serving.Wait()
	for {
		conn, err := c.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select { // out of descriptors: it passes, and must not spin
			case <-c.ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		c.accept(conn, run)
	}
}

func (c *control) accept(conn *net.UnixConn, run func(context.Context, Request) Response) {
	c.mu.Lock()
	full := len(c.clients) >= maxClients
	if c.closed || full {
		c.mu.Unlock()
		if full {
			reply(conn, Response{Error: "% Too many commands at once: try again"})
		}
		conn.Close()
		return
	}
	c.clients[conn] = true
	c.mu.Unlock()
	c.serving.Go(func() {
		c.talk(conn, run)
		c.mu.Lock()
		delete(c.clients, conn)
		c.mu.Unlock()
		conn.Close()
	})
}

// talk answers one client's requests, a line of JSON each.
func (c *control) talk(conn *net.UnixConn, run func(context.Context, Request) Response) {
	if !allowed(conn) {
		reply(conn, Response{Error: "% Only root may give commands"})
		return
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxRequest)
	for {
		if conn.SetReadDeadline(time.Now().Add(clientIdle)) != nil || !lines.Scan() {
			break
		}
		var q Request
		p := Response{Error: "% The request is not one that this release understands"}
		if json.Unmarshal(lines.Bytes(), &q) == nil {
			if q.Console && c.console != nil {
				c.stream(conn, q)
				return
			}
			p = run(c.ctx, q)
		}
		if reply(conn, p) != nil {
			return
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		reply(conn, Response{Error: "% The command is too long"})
	}
}

func reply(conn net.Conn, p Response) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writePatient)); err != nil {
		return err
	}
	_, err = conn.Write(append(b, '\n'))
	return err
}

// allowed asks the kernel who has connected.
func allowed(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var who *unix.Ucred
	if raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return false
	}
	return who.Uid == 0 || int(who.Uid) == os.Geteuid()
}

// close ends the clients and removes the socket. The lock's file stays: if it
// went, two later daemons could each lock a file of that name.
func (c *control) close() error {
	c.cancel()
	c.mu.Lock()
	c.closed = true
	for conn := range c.clients {
		conn.SetReadDeadline(time.Now())
	}
	c.mu.Unlock()
	err := c.listener.Close() // removes the socket's file
	c.serving.Wait()
	return errors.Join(err, c.lock.Close())
}
