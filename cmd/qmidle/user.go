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

	"golang.org/x/sys/unix"
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
	if term.IsTerminal(fd) {
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		defer term.Restore(fd, before)
		if hidden {
			defer fmt.Fprintln(u.out)
			if err := hide(fd); err != nil {
				return "", err
			}
		}
		u.prompt(prompt) // when nothing is shown any more
	}
	type typed struct {
		line string
		err  error
	}
	answer := make(chan typed, 1)
	go func() {
		line, err := u.lines.ReadString('\n')
		if line != "" {
			err = nil
		}
		answer <- typed{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answer:
		if a.err != nil {
			return "", errNobody
		}
		return a.line, nil
	}
}

func (u *terminalUser) prompt(text string) {
	if u.screen {
		text = eraseLine + text
	}
	fmt.Fprint(u.out, text)
}

// hide keeps a terminal from showing what is typed. Lines and signals stay.
func hide(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO
	t.Lflag |= unix.ICANON | unix.ISIG
	t.Iflag |= unix.ICRNL
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
