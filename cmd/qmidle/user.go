package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// terminalUser is the user of a client at a terminal, or behind a pipe.
type terminalUser struct {
	in     *os.File
	lines  *bufio.Reader
	out    io.Writer
	screen bool // out has a line that can be replaced
	nobody bool // is to be asked

	mu     sync.Mutex
	status string
}

func newTerminalUser(in, out *os.File, nobody bool) *terminalUser {
	return &terminalUser{in: in, lines: bufio.NewReader(in), out: out, screen: term.IsTerminal(int(out.Fd())), nobody: nobody}
}

// eraseLine returns to the beginning of a line that is blank then.
const eraseLine = "\r\x1b[K"

// Status implements connect.User.
func (u *terminalUser) Status(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if line == u.status {
		return
	}
	u.status = line
	if u.screen {
		fmt.Fprint(u.out, eraseLine+line)
		return
	}
	fmt.Fprintln(u.out, line)
}

// Say implements connect.User.
func (u *terminalUser) Say(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.screen {
		fmt.Fprintln(u.out, text)
		return
	}
	fmt.Fprint(u.out, eraseLine+strings.TrimRight(text, "\n")+"\n"+u.status)
}

// close ends the line.
func (u *terminalUser) close() {
	if u.screen {
		fmt.Fprintln(u.out)
	}
}

var errNobody = errors.New("the server asks for a user, and there is nobody to answer\n  hint: write the name and the password into the profile, or use a terminal")

// Ask implements connect.User. A terminal is left as it was found.
func (u *terminalUser) Ask(ctx context.Context, prompt string, hidden bool) (string, error) {
	if u.nobody {
		return "", errNobody
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	fd := int(u.in.Fd())
	terminal := term.IsTerminal(fd)
	var before *term.State
	if terminal {
		var err error
		if before, err = term.GetState(fd); err != nil {
			return "", err
		}
		if u.screen {
			fmt.Fprint(u.out, eraseLine)
		}
		fmt.Fprint(u.out, prompt)
	}
	typed := make(chan func() (string, error), 1)
	go func() {
		line, err := u.read(fd, terminal && hidden)
		typed <- func() (string, error) { return line, err }
	}()
	select {
	case <-ctx.Done():
		if before != nil {
			_ = term.Restore(fd, before)
		}
		return "", ctx.Err()
	case answer := <-typed:
		if terminal && hidden {
			fmt.Fprintln(u.out)
		}
		if line, err := answer(); err == nil {
			return line, nil
		}
		return "", errNobody
	}
}

func (u *terminalUser) read(fd int, hidden bool) (string, error) {
	if hidden {
		b, err := term.ReadPassword(fd)
		defer clear(b)
		return string(b), err
	}
	line, err := u.lines.ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
