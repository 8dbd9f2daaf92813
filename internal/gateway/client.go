package gateway

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"qmidle/internal/console"
)

// Request is a command for the daemon: one line of JSON.
type Request struct {
	Line string `json:"line"` // an exec command
	JSON bool   `json:"json,omitempty"`
	// Console asks for a console instead: when the response says OK, frames of
	// keys go to the daemon, and what a terminal shows comes back.
	Console bool `json:"console,omitempty"`
	Screen
}

// Screen is the terminal on which a result is shown; the zero value is none.
type Screen struct {
	Width  int  `json:"width,omitempty"` // 0 where it is not known
	Height int  `json:"height,omitempty"`
	UTF8   bool `json:"utf8,omitempty"`
	Color  bool `json:"color,omitempty"`
}

func (s Screen) style() console.Style { return console.Style{UTF8: s.UTF8, Color: s.Color} }

// Response is its result: one line of JSON.
type Response struct {
	OK     bool            `json:"ok"` // the command succeeded; a ping, that it was answered
	Output string          `json:"output,omitempty"`
	JSON   json.RawMessage `json:"json,omitempty"`
	Error  string          `json:"error,omitempty"`
}

const (
	dialPatient = 5 * time.Second
	answerTime  = time.Minute
	maxResponse = 256 << 20 // octets of a line
)

// Ask sends a command to the daemon at the socket and waits for its result. An
// error says that there was no result.
func Ask(socket string, q Request) (Response, error) {
	var p Response
	conn, err := net.DialTimeout("unix", socket, dialPatient)
	if err != nil {
		return p, dialError(socket, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return p, brokenError(socket)
	}
	b, err := json.Marshal(q)
	if err != nil {
		return p, err
	}
	// A daemon that refuses us answers and closes without reading.
	_, _ = conn.Write(append(b, '\n'))
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxResponse)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &p) != nil {
		return p, brokenError(socket)
	}
	return p, nil
}

func brokenError(socket string) error {
	return &OperatorError{fmt.Sprintf("the daemon at %s gave no answer", socket), "look at its log, and whether it still runs"}
}

func dialError(socket string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &OperatorError{"no daemon answers at " + socket, "start it with `qmidle run -c FILE`, or name its socket: -s PATH"}
	case errors.Is(err, fs.ErrPermission):
		return &OperatorError{"no permission to use " + socket, "only root may give commands"}
	}
	return &OperatorError{Message: fmt.Sprintf("cannot reach the daemon at %s: %s", socket, plainly(err))}
}
