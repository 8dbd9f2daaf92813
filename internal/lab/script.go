package lab

import (
	"fmt"
	"strings"
)

// step is one line of a script, ready to run.
type step struct {
	echo string // the line in the transcript; "" where run writes its own
	run  func() error
}

// script runs a script. Every line is understood before the first is run, but
// for the commands at the gateways: those are the consoles' to judge, and a
// wrong one is answered as IOS answers it.
func (l *lab) script(file, text string) error {
	var steps []step
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		s, err := l.parseLine(line)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		steps = append(steps, s)
	}
	for _, s := range steps {
		if s.echo != "" {
			l.write([]byte("! " + s.echo + "\n"))
		}
		if err := s.run(); err != nil {
			return err
		}
	}
	return nil
}

// parseLine understands `gateway# command`, with or without a mode such as
// `gateway(config-if)#`, and the lab's own commands.
func (l *lab) parseLine(line string) (step, error) {
	name, command, prompted := strings.Cut(line, "#")
	if at := strings.IndexByte(name, '('); at > 0 && strings.HasSuffix(name, ")") {
		name = name[:at]
	}
	if prompted && name != "" && !strings.ContainsAny(name, " \t") {
		h, err := l.gateway(name)
		if err != nil {
			return step{}, err
		}
		return step{run: func() error { l.command(h, strings.TrimSpace(command)); return nil }}, nil
	}
	words := strings.Fields(line)
	for _, v := range verbs {
		if v.name != words[0] {
			continue
		}
		run, err := v.parse(l, words[1:])
		if err != nil {
			return step{}, fmt.Errorf("%w; write `%s`", err, strings.Join(v.forms, "` or `"))
		}
		return step{echo: strings.Join(withoutSecrets(words), " "), run: run}, nil
	}
	return step{}, fmt.Errorf("unknown command %q: a line is `GATEWAY# COMMAND` or begins with one of %s", words[0], verbNames())
}

func (l *lab) gateway(name string) (*host, error) {
	if h := l.host(name); h != nil {
		return h, nil
	}
	var names []string
	for _, h := range l.hosts {
		names = append(names, h.name)
	}
	return nil, fmt.Errorf("no gateway %q; there are %s", name, strings.Join(names, ", "))
}

func verbNames() string {
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}
