package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"qmidle/internal/compare"
	"qmidle/internal/config"
	"qmidle/internal/lab"
	"qmidle/internal/router"
)

const checkUsage = `usage: qmidle check FILE
       qmidle check [--json] FILE FILE ...

Load a configuration and print what is to be said about it. The exit status is
1 if it cannot be used.

Of several, hold those against each other that name each other, be they this
program's or a router's: which tunnels would come up, with which algorithms,
what does not fit, and what works by luck. The exit status is 1 if a tunnel does
not come up or something does not fit, and 2 if a file cannot be read.

  --json  print an object of JSON (docs/check.md)
`

// checkCommand is `qmidle check`.
func checkCommand(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "")
	files, err := parseInterspersed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, checkUsage)
		return exitOK
	}
	switch {
	case err != nil:
	case len(files) == 0:
		err = errors.New("a file is needed")
	case len(files) == 1 && *asJSON:
		err = errors.New("--json is for several files")
	}
	if err != nil {
		return usageError(stderr, "check", err)
	}
	if len(files) > 1 {
		return compareFiles(files, *asJSON, stdout, stderr)
	}
	return checkFile(files[0], stdout, stderr)
}

func checkFile(file string, stdout, stderr io.Writer) int {
	c, diagnostics, err := load(file)
	if err != nil {
		fmt.Fprintf(stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	fmt.Fprint(stdout, diagnostics)
	if diagnostics.Err() != nil {
		return exitFailed
	}
	// Addresses that only the host has are not known here; any will do.
	if _, err := router.Connections(c, anyAddress); err != nil {
		fmt.Fprintf(stdout, "%s: error: %v\n", file, err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "%s: can be used: %s\n", file, summary(c, diagnostics))
	return exitOK
}

// exitUnreadable is the status of a comparison with a file that cannot be read.
const exitUnreadable = 2

// compareFiles holds configurations against each other, and tries in the lab what
// it says of them.
func compareFiles(names []string, asJSON bool, stdout, stderr io.Writer) int {
	c, err := readAll(names)
	if err == nil {
		err = lab.Prove(c)
	}
	if err != nil {
		fmt.Fprintf(stderr, "qmidle check: %v\n", err)
		return exitUnreadable
	}
	if err := show(c, asJSON, stdout); err != nil {
		fmt.Fprintf(stderr, "qmidle check: %v\n", err)
		return exitFailed
	}
	if !c.OK() {
		return exitFailed
	}
	return exitOK
}

// readAll reads every file before it tells of those that cannot be read.
func readAll(names []string) (*compare.Comparison, error) {
	var files []*compare.File
	var wrong []error
	for _, name := range names {
		text, err := readFile(name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		f, err := compare.Read(name, text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s cannot be compared:\n%w", name, err))
			continue
		}
		files = append(files, f)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return compare.Compare(files)
}

func show(c *compare.Comparison, asJSON bool, stdout io.Writer) error {
	if !asJSON {
		_, err := io.WriteString(stdout, c.Text())
		return err
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

func summary(c *config.Config, d config.Diagnostics) string {
	conns, _ := router.Connections(c, anyAddress)
	clients := 0
	for _, conn := range conns {
		if conn.EasyVPN != nil {
			clients++
		}
	}
	entries := count(len(conns)-clients, "crypto map entry in use", "crypto map entries in use")
	if clients > 0 {
		entries += ", " + count(clients, "Easy VPN client", "Easy VPN clients")
	}
	return fmt.Sprintf("%s, %s", entries, count(len(d.Of(config.Warning)), "warning", "warnings"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// load reads a configuration's file. The error is about the file; what is in
// it, the diagnostics tell.
func load(file string) (*config.Config, config.Diagnostics, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, nil, err
	}
	c, diagnostics := config.Load(file, text)
	return c, diagnostics, nil
}

// readFile reads no more than a configuration may have.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, fileError(err))
	}
	defer f.Close()
	text, err := config.Read(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, fileError(err))
	}
	return text, nil
}

// fileError is what the kernel said, without the name of the system call.
func fileError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
