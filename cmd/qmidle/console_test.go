package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"qmidle/internal/gateway"
)

// pty is a new terminal of 100 columns and 30 lines: its far end, and the end
// that a program has.
func pty(t *testing.T) (far, near *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if err := unix.IoctlSetPointerInt(int(far.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if err := unix.IoctlSetWinsize(int(near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return far, near
}

// prompter is a daemon that shows a prompt, and hands over what is typed at it.
func prompter(t *testing.T) (socket string, asked chan gateway.Request, typed chan string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked, typed = make(chan gateway.Request, 1), make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		line, _ := in.ReadBytes('\n')
		var q gateway.Request
		_ = json.Unmarshal(line, &q)
		asked <- q
		io.WriteString(conn, "{\"ok\":true}\nhub#")
		frame := make([]byte, 3+len("exit\x03"))
		_, err = io.ReadFull(in, frame)
		typed <- fmt.Sprint(string(frame[3:]), err)
	}()
	return socket, asked, typed
}

func TestConsoleTakesTheTerminalAndGivesItBack(t *testing.T) {
	far, near := pty(t)
	before, err := term.GetState(int(near.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	socket, asked, typed := prompter(t)
	out, screen := io.Pipe()
	var stderr bytes.Buffer
	left := make(chan int, 1)
	go func() { left <- consoleCommand(socket, nil, near, screen, &stderr) }()
	if q := <-asked; !q.Console || q.Width != 100 || q.Height != 30 {
		t.Errorf("asked for %+v", q)
	}
	prompt := make([]byte, 4)
	if _, err := io.ReadFull(out, prompt); err != nil || string(prompt) != "hub#" {
		t.Fatalf("%q, %v", prompt, err)
	}
	raw, err := term.GetState(int(near.Fd()))
	if err != nil || *raw == *before {
		t.Errorf("the terminal is not raw: %v", err)
	}
	// In raw mode Ctrl-C is a key, and no line has to be ended.
	if _, err := far.Write([]byte("exit\x03")); err != nil {
		t.Fatal(err)
	}
	if got := <-typed; got != "exit\x03<nil>" {
		t.Errorf("typed %q", got)
	}
	if code := <-left; code != exitOK || stderr.Len() != 0 {
		t.Errorf("exit status %d, %s", code, &stderr)
	}
	if after, err := term.GetState(int(near.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal stays raw: %v", err)
	}
}

func TestConsoleSaysWhyThereIsNone(t *testing.T) {
	_, near := pty(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	refusing, _ := daemon(t, gateway.Response{Error: "% Too many consoles: leave one of them first"})
	for _, x := range []struct {
		args  []string
		stdin *os.File
		code  int
		want  string
	}{
		{nil, null, exitFailed, "the console needs a terminal"},
		{nil, near, exitFailed, "qmidle: Too many consoles: leave one of them first\n"},
		{[]string{"-s", filepath.Join(t.TempDir(), "none")}, near, exitFailed, "no daemon answers at"},
		{[]string{"more"}, near, exitUsage, `"more" is too much`},
	} {
		var stdout, stderr bytes.Buffer
		code := consoleCommand(refusing, x.args, x.stdin, &stdout, &stderr)
		if code != x.code || !strings.Contains(stderr.String(), x.want) {
			t.Errorf("%v: %d %s", x.args, code, &stderr)
		}
	}
	if code, out, _ := call("console", "--help"); code != exitOK || !strings.HasPrefix(out, "usage: qmidle console") {
		t.Errorf("%d %q", code, out)
	}
}
