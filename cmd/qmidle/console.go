package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"qmidle/internal/gateway"
)

const consoleUsage = `usage: qmidle console [-s SOCKET]

Sit at the console of the daemon: exec and configuration mode, as on a router.
"exit" and Ctrl-D leave it, Ctrl-C drops the line, "?" helps.
`

// consoleCommand is `qmidle console`. socket is what stood before the word.
func consoleCommand(socket string, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("console", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&socket, "s", socket, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, consoleUsage)
		return exitOK
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q is too much", flags.Arg(0))
	}
	if err != nil {
		return usageError(stderr, "console", err)
	}
	if err := sitAt(socket, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// sitAt joins a terminal and a console until the operator leaves. The terminal
// is left as it was found.
func sitAt(socket string, stdin *os.File, stdout io.Writer) error {
	fd := int(stdin.Fd())
	if !term.IsTerminal(fd) {
		return errors.New("the console needs a terminal\n  hint: give a single command without it, as in `qmidle show crypto isakmp sa`")
	}
	c, err := gateway.OpenConsole(socket, screenOf(fd, os.Getenv))
	if err != nil {
		return err
	}
	defer c.Close()
	before, err := term.MakeRaw(fd)
	if err != nil {
		return err
	}
	defer term.Restore(fd, before)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer close(signals)
	defer signal.Stop(signals)
	go heed(c, fd, signals)
	go io.Copy(c, stdin) // its end is the operator's, or that of the connection
	_, err = io.Copy(stdout, c)
	return err
}

// heed tells the daemon the terminal's size when it changes, and leaves at any
// other signal.
func heed(c *gateway.Console, fd int, signals <-chan os.Signal) {
	for s := range signals {
		if s != syscall.SIGWINCH {
			c.Close()
			continue
		}
		if width, height, err := term.GetSize(fd); err == nil {
			// An error is the connection's, whose end the reader sees.
			_ = c.Resize(width, height)
		}
	}
}
