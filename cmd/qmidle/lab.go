package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"qmidle/internal/lab"
)

const labUsage = `usage: qmidle lab DIR [--script FILE] [--seed N] [--prefix]

Run every *.cfg of the folder DIR as a gateway on an in-memory network and a
virtual clock; no root is needed. Interfaces in one subnet are one link.
Without a script, debug the responders, ping across every crypto access list
and show the SAs; the exit status is 1 if a ping failed.

  --script FILE  run the commands of FILE (docs/lab.md)
  --seed N       seed of everything random, 1 by default
  --prefix       put the gateway's name before its debug lines
`

// labCommand is `qmidle lab`.
func labCommand(args []string, stdout, stderr io.Writer) int {
	o := lab.Options{Diagnostics: stderr, Version: versionInfo()}
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.Script, "script", "", "")
	flags.Uint64Var(&o.Seed, "seed", 1, "")
	flags.BoolVar(&o.Prefix, "prefix", false, "")
	dirs, err := parseInterspersed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, labUsage)
		return exitOK
	}
	if err == nil && len(dirs) != 1 {
		err = errors.New("one folder with *.cfg files is needed")
	}
	if err != nil {
		return usageError(stderr, "lab", err)
	}
	o.Dir = dirs[0]
	code, err := lab.Run(o, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "qmidle lab: %v\n", err)
	}
	return code
}

// parseInterspersed parses options that stand before and behind the other
// arguments, which it returns.
func parseInterspersed(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
}
