package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"qmidle/internal/config"
	"qmidle/internal/router"
)

const checkUsage = `usage: qmidle check FILE

Load a configuration and print what is to be said about it. The exit status is
1 if it cannot be used.
`

// checkCommand is `qmidle check`.
func checkCommand(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	files, err := parseInterspersed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, checkUsage)
		return exitOK
	}
	if err == nil && len(files) != 1 {
		err = errors.New("one file is needed")
	}
	if err != nil {
		return usageError(stderr, "check", err)
	}
	c, diagnostics, err := load(files[0])
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
		fmt.Fprintf(stdout, "%s: error: %v\n", files[0], err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "%s: can be used: %s\n", files[0], summary(c, diagnostics))
	return exitOK
}

func summary(c *config.Config, d config.Diagnostics) string {
	conns, _ := router.Connections(c, anyAddress)
	return fmt.Sprintf("%s, %s", count(len(conns), "crypto map entry in use", "crypto map entries in use"),
		count(len(d.Of(config.Warning)), "warning", "warnings"))
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
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", file, fileError(err))
	}
	defer f.Close()
	text, err := config.Read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", file, fileError(err))
	}
	c, diagnostics := config.Load(file, text)
	return c, diagnostics, nil
}

// fileError is what the kernel said, without the name of the system call.
func fileError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
