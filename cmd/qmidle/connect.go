package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"qmidle/internal/clientfile"
	"qmidle/internal/connect"
	"qmidle/internal/gateway"
)

const connectUsage = `usage: qmidle connect FILE [-s SOCKET] [--log FILE] [--interface LINUX]
                      [--state DIR]

Be a VPN client in the foreground: connect to the server of a profile, and stay
connected until Ctrl-C. FILE is a configuration of vpnc or a .pcf of Cisco's VPN
Client. What it lacks is asked for. The host is left as it was found.

  -s SOCKET              control socket, ` + gateway.DefaultSocket + ` by default
  --log FILE             messages go to the end of FILE; by default nowhere
  --interface LINUX      by which the server is reached; by default as the route has it
  --state DIR            where the host's name servers are kept meanwhile,
                         ` + gateway.DefaultState + ` by default
`

type connectOptions struct {
	file, socket, log, outside, state string
}

// connectCommand is `qmidle connect`. Two processes run: the client, and one that
// restores the host when the client is killed.
func connectCommand(args []string, stdout, stderr io.Writer) int {
	o, err := parseConnect(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, connectUsage)
		return exitOK
	}
	if err != nil {
		return usageError(stderr, "connect", err)
	}
	if err := runConnect(o, stderr); err != nil {
		var status exitStatus
		if errors.As(err, &status) {
			return int(status)
		}
		fmt.Fprintf(stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// exitStatus is that of the client, which has said why.
type exitStatus int

// Error implements error.
func (s exitStatus) Error() string { return fmt.Sprintf("the client ended with status %d", int(s)) }

// runConnect is the process before the client, or the client. The one before opens
// the files: the client may open none that are not root's.
func runConnect(o connectOptions, stderr io.Writer) error {
	if connect.Guarded() {
		inherited := connect.Files(2)
		profile, err := readProfile(o.file, inherited[0])
		if err != nil {
			return err
		}
		defer inherited[1].Close()
		var log io.Writer = inherited[1]
		if o.log == "syslog" {
			if log, err = openLog(o.log, stderr); err != nil {
				return err
			}
		}
		return beClient(o, profile, log)
	}
	file, err := os.Open(o.file)
	if err != nil {
		return fmt.Errorf("%s: %w", o.file, fileError(err))
	}
	defer file.Close()
	if _, err := readProfile(o.file, file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", o.file, fileError(err))
	}
	name := o.log
	if name == "" || name == "syslog" {
		name = os.DevNull
	}
	log, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write the log %s: %w", name, fileError(err))
	}
	defer log.Close()
	if status := connect.Guard(o.state, stderr, file, log); status != exitOK {
		return exitStatus(status)
	}
	return nil
}

func parseConnect(args []string) (o connectOptions, err error) {
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.socket, "s", gateway.DefaultSocket, "")
	flags.StringVar(&o.log, "log", "", "")
	flags.StringVar(&o.outside, "interface", "", "")
	flags.StringVar(&o.state, "state", gateway.DefaultState, "")
	for rest := args; ; { // FILE may stand first
		if err := flags.Parse(rest); err != nil {
			return o, err
		}
		switch {
		case flags.NArg() == 0 && o.file == "":
			return o, errors.New("FILE is needed")
		case flags.NArg() == 0:
			return o, nil
		case o.file != "":
			return o, fmt.Errorf("%q is too much", flags.Arg(0))
		}
		o.file, rest = flags.Arg(0), flags.Args()[1:]
	}
}

// readProfile reads a profile, and no more of a file than a profile has.
func readProfile(name string, in io.Reader) (f clientfile.File, err error) {
	text, err := io.ReadAll(io.LimitReader(in, clientfile.MaxSize+1))
	if err != nil {
		return f, fmt.Errorf("%s: %w", name, fileError(err))
	}
	if f, err = clientfile.Read(filepath.Base(name), text); err == nil {
		err = f.Check()
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// beClient runs until a signal comes.
func beClient(o connectOptions, profile clientfile.File, log io.Writer) error {
	ctx, stop := patientSignals()
	defer stop()
	u := newTerminalUser(os.Stdin, os.Stderr, profile.Noninteractive)
	defer u.close()
	return connect.Run(ctx, connect.Options{Profile: profile, Outside: o.outside, Socket: o.socket, State: o.state, Log: log, Version: versionInfo(), User: u, Cores: spareProcessors()})
}

// sameSignal is how soon after a signal another is the same one: a terminal tells
// the client, and the process before it tells it too.
const sameSignal = time.Second

// patientSignals ends ctx at a signal. Another one, later, ends the process.
func patientSignals() (ctx context.Context, stop func()) {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		var first time.Time
		for range signals {
			if !first.IsZero() && time.Since(first) > sameSignal {
				os.Exit(exitFailed) // the process before restores the host
			}
			if first.IsZero() {
				first = time.Now()
			}
			end()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		end()
	}
}
