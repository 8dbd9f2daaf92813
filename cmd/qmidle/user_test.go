package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// until reads what a terminal shows, up to a text.
func until(t *testing.T, far *os.File, text string) (shown string) {
	t.Helper()
	for b := make([]byte, 1); !strings.HasSuffix(shown, text); {
		if _, err := far.Read(b); err != nil {
			t.Fatalf("%v after %q", err, shown)
		}
		shown += string(b)
	}
	return shown
}

// A password is not shown, from the prompt on, and the terminal is left as it was.
func TestPasswordsAreNotShown(t *testing.T) {
	far, near := pty(t)
	before, err := unix.IoctlGetTermios(int(near.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	u := newTerminalUser(near, near, false)
	answer := make(chan string, 1)
	ask := func(prompt string, hidden bool) string {
		go func() {
			line, err := u.Ask(t.Context(), prompt, hidden)
			if err != nil {
				line = err.Error()
			}
			answer <- line
		}()
		return until(t, far, prompt)
	}
	ask("Username: ", false)
	far.WriteString("alice\n")
	if got := <-answer; got != "alice" {
		t.Errorf("the name: %q", got)
	}
	ask("Password: ", true)
	far.WriteString("hush-hush\n")
	if got := <-answer; got != "hush-hush" {
		t.Errorf("the password: %q", got)
	}
	u.Status("done")
	if shown := until(t, far, "done"); strings.Contains(shown, "hush") {
		t.Errorf("the terminal shows %q", shown)
	}
	if after, err := unix.IoctlGetTermios(int(near.Fd()), unix.TCGETS); err != nil || *after != *before {
		t.Errorf("the terminal is left otherwise: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Ask(ctx, "Password: ", true); err == nil {
		t.Error("a question that was broken off has an answer")
	}
	if after, err := unix.IoctlGetTermios(int(near.Fd()), unix.TCGETS); err != nil || *after != *before {
		t.Errorf("the terminal is left otherwise behind a question that was broken off: %v", err)
	}
}
