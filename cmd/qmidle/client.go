package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"qmidle/internal/console"
	"qmidle/internal/gateway"
)

// client gives exec commands to a daemon.
type client struct {
	socket         string
	json           bool
	stdout, stderr io.Writer
}

func (c *client) flags(f *flag.FlagSet) {
	f.StringVar(&c.socket, "s", gateway.DefaultSocket, "")
	f.BoolVar(&c.json, "json", false, "")
}

// run gives one command, and prints its result as text or as JSON. The exit
// status is 0 if it succeeded, for a ping if it was answered.
func (c *client) run(words []string) int {
	if !execCommand(words[0]) {
		return usageError(c.stderr, "", fmt.Errorf("there is no command %q", words[0]))
	}
	q := gateway.Request{Line: strings.Join(words, " "), JSON: c.json}
	if f, ok := c.stdout.(*os.File); ok {
		q.Screen = screenOf(int(f.Fd()), os.Getenv)
	}
	result, err := gateway.Ask(c.socket, q)
	if err != nil {
		fmt.Fprintf(c.stderr, "qmidle: %v\n", err)
		return exitFailed
	}
	if result.Error != "" {
		fmt.Fprintln(c.stderr, strings.TrimRight(result.Error, "\n"))
		return exitFailed
	}
	if err := c.show(result); err != nil {
		fmt.Fprintf(c.stderr, "qmidle: the result cannot be written: %v\n", err)
		return exitFailed
	}
	if !result.OK {
		return exitFailed
	}
	return exitOK
}

func (c *client) show(result gateway.Response) error {
	if len(result.JSON) == 0 {
		_, err := io.WriteString(c.stdout, result.Output)
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, result.JSON, "", "  "); err != nil {
		return errors.New("it is not JSON")
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(c.stdout)
	return err
}

// execCommand says whether a word begins an exec command, cut off or not.
func execCommand(word string) bool {
	for _, c := range console.Commands() {
		if strings.HasPrefix(c.Form, strings.ToLower(word)) && word != "" {
			return true
		}
	}
	return false
}
