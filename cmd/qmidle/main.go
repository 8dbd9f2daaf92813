// Command qmidle is an IKEv1 IPsec gateway that speaks Cisco IOS: the daemon,
// its command line, and a lab in memory. It only wires; what it wires is in
// internal/gateway and internal/lab.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"qmidle/internal/console"
	"qmidle/internal/gateway"
)

func main() {
	beforeServing = confine
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command line is wrong
)

// subcommands are those that need no daemon. Every other first word begins an
// exec command.
var subcommands = map[string]func(args []string, stdout, stderr io.Writer) int{
	"run":     runCommand,
	"release": releaseCommand,
	"check":   checkCommand,
	"connect": connectCommand,
	"lab":     labCommand,
	"version": versionCommand,
	"help":    helpCommand,
}

// run is the program; it returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("qmidle", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	c := client{stdout: stdout, stderr: stderr}
	c.flags(flags)
	help := flags.Bool("h", false, "")
	flags.BoolVar(help, "help", false, "")
	if err := flags.Parse(args); err != nil {
		return usageError(stderr, "", err)
	}
	switch {
	case *help:
		return helpCommand(nil, stdout, stderr)
	case flags.NArg() == 0:
		fmt.Fprint(stderr, usage())
		return exitUsage
	}
	if flags.Arg(0) == "console" {
		return consoleCommand(c.socket, flags.Args()[1:], os.Stdin, stdout, stderr)
	}
	if command := subcommands[flags.Arg(0)]; command != nil {
		return command(flags.Args()[1:], stdout, stderr)
	}
	if flags.Arg(0) == "explain" {
		return c.explain(flags.Args()[1:])
	}
	return c.run(flags.Args())
}

func usageError(stderr io.Writer, command string, err error) int {
	name := strings.TrimSpace("qmidle " + command)
	fmt.Fprintf(stderr, "%s: %v\n  hint: `%s --help` shows how it is used\n", name, err, name)
	return exitUsage
}

func helpCommand(_ []string, stdout, _ io.Writer) int {
	fmt.Fprint(stdout, usage())
	return exitOK
}

func usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, `qmidle is an IKEv1 IPsec gateway that speaks Cisco IOS.

usage:
  qmidle run -c FILE [-s SOCKET] [--log FILE] [--interface IOS=LINUX]... [--release]
  qmidle release [--state DIR]
  qmidle connect FILE [-s SOCKET] [--log FILE] [--interface LINUX] [--state DIR]
  qmidle check FILE
  qmidle check [--json] FILE FILE ...
  qmidle explain FILE ...
  qmidle lab DIR [--script FILE] [--seed N] [--prefix]
  qmidle [-s SOCKET] console
  qmidle [-s SOCKET] [--json] COMMAND
  qmidle version

COMMAND is for the daemon at SOCKET (%s), and may be abbreviated:
`, gateway.DefaultSocket)
	for _, c := range console.Commands() {
		fmt.Fprintf(&b, "  %-50s %s\n", c.Form, c.Help)
	}
	return b.String()
}
