package gateway

import (
	"bytes"
	"fmt"
	"log/syslog"
	"regexp"
)

// Syslog is a log that goes to the host's syslog, a message a line, of IOS's
// default facility local7. The severity is the mnemonic's digit; debug text has
// 7, and the gateway's own notices have 4.
type Syslog struct{ to *syslog.Writer }

// OpenSyslog connects to the socket of the host's syslog.
func OpenSyslog() (*Syslog, error) { return dialSyslog("", "") }

func dialSyslog(network, address string) (*Syslog, error) {
	w, err := syslog.Dial(network, address, syslog.LOG_LOCAL7, "qmidle")
	if err != nil {
		return nil, &OperatorError{fmt.Sprintf("no syslog answers on this host: %s", plainly(err)), "start one (journald is one), or log to a file: --log FILE"}
	}
	return &Syslog{w}, nil
}

// Write implements io.Writer; text is whole lines.
func (s *Syslog) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, " \n")
		if len(line) == 0 {
			continue
		}
		severity, message := severityOf(string(line))
		if err := s.send(severity, message); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

func (s *Syslog) send(severity syslog.Priority, message string) error {
	return [...]func(string) error{s.to.Emerg, s.to.Alert, s.to.Crit, s.to.Err, s.to.Warning, s.to.Notice, s.to.Info, s.to.Debug}[severity](message)
}

// Close ends the connection.
func (s *Syslog) Close() error { return s.to.Close() }

// systemMessage finds a mnemonic at a line's begin or behind its timestamp: a
// peer's words, which debug text may quote, stand farther back.
var systemMessage = regexp.MustCompile(`^(?:[*.]?(?:[A-Z][a-z]{2} +)?[0-9][0-9wdhy:. ]*: )?(%[A-Z][A-Z0-9_]*-([0-7])-[A-Z0-9_]+: .*)`)

// severityOf is a line's severity, and the line without the timestamp that
// syslog has itself.
func severityOf(line string) (syslog.Priority, string) {
	if m := systemMessage.FindStringSubmatch(line); m != nil {
		return syslog.Priority(m[2][0] - '0'), m[1]
	}
	if own, ok := bytes.CutPrefix([]byte(line), []byte("qmidle: ")); ok {
		return syslog.LOG_WARNING, string(own)
	}
	return syslog.LOG_DEBUG, line
}
