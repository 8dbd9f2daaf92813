package main

import "flag"

// explain is `qmidle explain`, whose options may stand behind it.
func (c *client) explain(args []string) int {
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	flags.StringVar(&c.socket, "s", c.socket, "")
	flags.BoolVar(&c.json, "json", c.json, "")
	rest, err := parseInterspersed(flags, args)
	if err != nil {
		return usageError(c.stderr, "", err)
	}
	return c.run(append([]string{"explain"}, rest...))
}
