package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"qmidle/internal/config"
	"qmidle/internal/gateway"
	"qmidle/internal/secret"
)

const runUsage = `usage: qmidle run -c FILE [-s SOCKET] [--log FILE] [--interface IOS=LINUX]...
                  [--state DIR] [--release]

Run the gateway of a configuration in the foreground. SIGTERM and SIGINT delete
its SAs, tell the peers and end it; a second one ends it at once. SIGHUP reads
FILE anew and keeps the tunnels that it does not change.

  -c FILE                IOS configuration
  -s SOCKET              control socket, ` + gateway.DefaultSocket + ` by default
  --log FILE             debug text and messages go to the end of FILE, not to stderr
  --log syslog           they go to the host's syslog, with IOS's severities
  --interface IOS=LINUX  the Linux interface that stands for one of the
                         configuration, where not its address shall tell
  --state DIR            where the addresses that clients had are kept over a
                         restart, ` + gateway.DefaultState + ` by default
  --keys DIR             where keys are kept, and certificates that came since FILE
                         was saved, "keys" beside FILE by default
  --key-passphrase FILE  under which passphrase; by default the credential
                         "qmidle-keys" of systemd, where there is one
  --release              let what the crypto maps protect pass in clear at the
                         end; otherwise it stays blocked until "qmidle release"
`

// runOptions are the flags of `qmidle run`.
type runOptions struct {
	file, socket, log string
	state             string
	keys, passphrase  string
	interfaces        map[string]string
	release           bool
}

// beforeServing is what the process gives up before it serves: main says so, for a
// test's process is to keep all.
var beforeServing = func() error { return nil }

// runCommand is `qmidle run`.
func runCommand(args []string, stdout, stderr io.Writer) int {
	o, err := parseRun(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, runUsage)
		return exitOK
	}
	if err != nil {
		return usageError(stderr, "run", err)
	}
	if err := errors.Join(enoughFiles(), beforeServing()); err != nil {
		fmt.Fprintf(stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	if err := serve(o, stderr); err != nil {
		fmt.Fprintf(stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// leastFiles are what a gateway with one address and some commands at once opens. With
// still less Go's runtime itself gives up, in no operator's words.
const leastFiles = 64

// enoughFiles says whether the process may open as many files as it needs.
func enoughFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max >= leastFiles {
		return nil
	}
	return fmt.Errorf("it may open %d files only, and needs %d at least\n  hint: `ulimit -n`, or LimitNOFILE of the service; 1024 are enough", limit.Max, leastFiles)
}

func parseRun(args []string) (runOptions, error) {
	o := runOptions{interfaces: make(map[string]string)}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.file, "c", "", "")
	flags.StringVar(&o.socket, "s", gateway.DefaultSocket, "")
	flags.StringVar(&o.log, "log", "", "")
	flags.StringVar(&o.state, "state", gateway.DefaultState, "")
	flags.StringVar(&o.keys, "keys", "", "")
	flags.StringVar(&o.passphrase, "key-passphrase", "", "")
	flags.BoolVar(&o.release, "release", false, "")
	flags.Func("interface", "", func(text string) error {
		ios, linux, ok := strings.Cut(text, "=")
		if !ok || ios == "" || linux == "" {
			return errors.New("it is written IOS=LINUX, such as Gi0/1=eth1")
		}
		o.interfaces[ios] = linux
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is too much", flags.Arg(0))
	}
	if o.file == "" {
		return o, errors.New("-c FILE is needed")
	}
	if o.keys == "" {
		o.keys = filepath.Join(filepath.Dir(o.file), "keys")
	}
	if o.passphrase == "" {
		o.passphrase = keyCredential()
	}
	return o, nil
}

// keyCredential is the file by which systemd hands the passphrase over; "" where
// it does not.
func keyCredential() string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	file := filepath.Join(dir, "qmidle-keys")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// serve runs the gateway until a signal comes.
func serve(o runOptions, stderr io.Writer) error {
	c, diagnostics, err := load(o.file)
	if err != nil {
		return err
	}
	if err := diagnostics.Err(); err != nil {
		return fmt.Errorf("%s cannot be used:\n%w", o.file, err)
	}
	fmt.Fprint(stderr, diagnostics)
	log, err := openLog(o.log, stderr)
	if err != nil {
		return err
	}
	defer log.Close()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var passphrase secret.Secret
	if o.passphrase != "" {
		if passphrase, err = gateway.Passphrase(o.passphrase); err != nil {
			return err
		}
	}
	version := versionInfo()
	version.ConfigFile = o.file
	g, err := gateway.Open(gateway.Options{Config: c, Interfaces: o.interfaces, Socket: o.socket, Log: log, Version: version, Release: o.release, File: o.file, State: o.state,
		Keys: o.keys, KeyPassphrase: passphrase, Built: built(), Cores: spareProcessors()})
	if err != nil {
		return err
	}
	for _, w := range g.Warnings() {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	fmt.Fprintf(stderr, "qmidle: %s\n", g.Summary())
	context.AfterFunc(ctx, stop) // the next signal ends the process at once
	context.AfterFunc(ctx, func() { tell(stderr, "STOPPING=1") })
	tell(stderr, "READY=1")
	go reload(ctx, g, hangups, stderr)
	go keepSmall(ctx)
	err = g.Run(ctx)
	if blocked := g.Blocked(); blocked != "" {
		fmt.Fprintf(stderr, "qmidle: %s\n", blocked)
	}
	return err
}

// openLog opens what --log names.
func openLog(name string, stderr io.Writer) (io.WriteCloser, error) {
	switch name {
	case "":
		return struct {
			io.Writer
			io.Closer
		}{stderr, io.NopCloser(nil)}, nil
	case "syslog":
		return gateway.OpenSyslog()
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the log %s: %w", name, fileError(err))
	}
	return f, nil
}

// reload reads the configuration anew at every hangup.
func reload(ctx context.Context, g *gateway.Gateway, hangups <-chan os.Signal, stderr io.Writer) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			tell(stderr, "RELOADING=1")
			// The log has the error, and the old configuration runs on.
			_ = g.Reload()
			tell(stderr, "READY=1")
		}
	}
}

// tell tells the service manager, if there is one.
func tell(stderr io.Writer, state string) {
	if err := notify(state); err != nil {
		fmt.Fprintf(stderr, "warning: the service manager was not told %s: %v\n", state, err)
	}
}

const releaseUsage = `usage: qmidle release [--state DIR]

Let pass in clear what a gateway that has ended, or was killed, has left
blocked: the nftables table "inet qmidle", and routes and rules of protocol 171.
Put the host's name servers back, where it was a client and had others.

  --state DIR            its state directory, ` + gateway.DefaultState + ` by default
`

// releaseCommand is `qmidle release`.
func releaseCommand(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	state := flags.String("state", gateway.DefaultState, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, releaseUsage)
		return exitOK
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q is too much", flags.Arg(0))
	}
	if err != nil {
		return usageError(stderr, "release", err)
	}
	if err := gateway.Release(*state); err != nil {
		fmt.Fprintf(stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// anyAddress stands for the address of an interface that gets its own from the
// host, where there is no host to ask.
func anyAddress(i *config.Interface) (netip.Addr, bool) {
	if len(i.Addresses) > 0 {
		return i.Addresses[0].Addr(), true
	}
	return netip.IPv4Unspecified(), true
}
