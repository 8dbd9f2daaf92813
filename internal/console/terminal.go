package console

import (
	"bufio"
	"io"
	"strings"
	"sync/atomic"

	"golang.org/x/term"
)

// Terminal is an operator's end of a Session: it edits lines, shows pages and
// debug lines. Tab completes, `?` helps at once, the arrows recall the history,
// Ctrl-Z does the line and ends configuration mode, Ctrl-C drops the line.
type Terminal struct {
	session *Session
	options TerminalOptions
	keys    *keys
	out     io.Writer
	term    *term.Terminal
	height  atomic.Int32 // 0: not known
	monitor atomic.Bool
}

// TerminalOptions may be zero.
type TerminalOptions struct {
	// Serialize runs what touches the router; nil runs it at once.
	Serialize func(func())
	// Height is the number of lines of the screen, 0 when it is not known: then
	// there are no pages. `terminal length` may set another.
	Height, Width int
	Style         Style
}

// NewTerminal talks over rw, which passes every key at once and shows what is
// written as it is: a terminal in raw mode, or a connection to one.
func NewTerminal(rw io.ReadWriter, s *Session, o TerminalOptions) *Terminal {
	rw = &escapeReader{ReadWriter: rw}
	if o.Serialize == nil {
		o.Serialize = func(f func()) { f() }
	}
	s.console.style = o.Style
	t := &Terminal{session: s, options: o, out: rw, keys: &keys{in: bufio.NewReader(rw)}}
	t.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{t.keys, rw}, "")
	t.term.AutoCompleteCallback = t.key
	t.term.History = recall{t}
	t.Resize(o.Width, o.Height)
	return t
}

// Resize tells the size of the screen; 0 where it is not known. It may be called
// from another goroutine than Run's, as may Monitor.
func (t *Terminal) Resize(width, height int) {
	t.height.Store(int32(height))
	if width > 0 && height > 0 {
		// The error is the writer's, which the next line of output meets too.
		_ = t.term.SetSize(width, height)
	}
}

// Monitor shows lines of debug, after `terminal monitor`.
func (t *Terminal) Monitor(text []byte) {
	if t.monitor.Load() {
		_, _ = t.term.Write([]byte(printable(string(text))))
	}
}

// Run serves the operator until they leave or the connection ends, which is no
// error.
func (t *Terminal) Run() error {
	for {
		prompt, closed, hidden := "", false, false
		t.options.Serialize(func() {
			prompt, closed = t.session.Prompt(), t.session.Closed()
			_, hidden = t.session.Asking()
		})
		if closed {
			return nil
		}
		line, err := t.read(prompt, hidden)
		if err == io.EOF {
			return nil
		}
		if err != nil && err != term.ErrPasteIndicator {
			return err
		}
		if err := t.feed(prompt, line); err != nil {
			return err
		}
	}
}

// read reads a line. What is hidden is not shown.
func (t *Terminal) read(prompt string, hidden bool) (string, error) {
	t.keys.end = 0
	if hidden {
		return t.term.ReadPassword(prompt)
	}
	t.term.SetPrompt(prompt)
	return t.term.ReadLine()
}

// feed does a line, and what the key that ended it stands for.
func (t *Terminal) feed(prompt, line string) error {
	var text string
	t.options.Serialize(func() {
		if asking, _ := t.session.Asking(); asking && t.keys.end == ctrlC {
			t.session.Refuse()
			return
		}
		r := t.session.Feed(line)
		text = r.Output + ErrorText(prompt, r.Err)
		if t.keys.end == ctrlZ {
			r = t.session.End()
			text += r.Output + ErrorText(prompt, r.Err)
		}
		t.monitor.Store(t.session.Settings().Monitor)
	})
	return t.page(text)
}

// key handles the keys that the line editor has no use for.
func (t *Terminal) key(line string, pos int, key rune) (string, int, bool) {
	if asking, _ := t.session.Asking(); asking {
		return "", 0, false
	}
	switch key {
	case '?':
		var help string
		t.options.Serialize(func() { help = t.session.Prompt() + line[:pos] + "?\n" + t.session.HelpText(line[:pos]) + "\n" })
		_, _ = t.term.Write([]byte(help))
		return line, pos, true
	case '\t':
		var whole string
		var ok bool
		t.options.Serialize(func() { whole, ok = t.session.Complete(line[:pos]) })
		if ok {
			return whole + strings.TrimLeft(line[pos:], " "), len(whole), true
		}
		return line, pos, true
	}
	return "", 0, false
}

const more = " --More-- "

// page writes text, and waits for a key wherever the screen is full: the space
// bar for a page, Enter for a line, any other key for no more.
func (t *Terminal) page(text string) error {
	room := t.pageLength()
	left := room
	for line := range strings.Lines(text) {
		if room > 0 && left == 0 {
			key, err := t.ask()
			if err != nil {
				return err
			}
			switch key {
			case ' ':
				left = room
			case enter, newline:
				left = 1
			default:
				return nil
			}
		}
		if _, err := t.term.Write([]byte(line)); err != nil {
			return err
		}
		left--
	}
	return nil
}

// pageLength is how many lines fit before ` --More-- `; 0 for no pages.
func (t *Terminal) pageLength() int {
	settings, height := t.session.Settings(), int(t.height.Load())
	switch {
	case settings.Length == 0 || height == 0:
		return 0
	case settings.chosen:
		return max(1, settings.Length-1)
	}
	return max(1, height-1)
}

// ask shows ` --More-- ` until a key is pressed.
func (t *Terminal) ask() (byte, error) {
	if _, err := io.WriteString(t.out, more); err != nil {
		return 0, err
	}
	key, err := t.keys.next()
	if err != nil {
		return 0, err
	}
	back := strings.Repeat("\b", len(more))
	_, err = io.WriteString(t.out, back+strings.Repeat(" ", len(more))+back)
	return key, err
}

// recall is the Session's history for the line editor.
type recall struct{ t *Terminal }

// Add does nothing: Feed has remembered the line.
func (recall) Add(string) {}

// Len is the number of lines.
func (h recall) Len() int { return len(h.t.session.history) }

// At returns the line that is n back.
func (h recall) At(n int) string {
	line, _ := h.t.session.Recall(n)
	return line
}

// Keys that end a line, and those of the line editor that they become.
const (
	ctrlC   = 0x03
	ctrlE   = 0x05 // to the end of the line
	ctrlU   = 0x15 // erases to its start
	ctrlZ   = 0x1a
	enter   = '\r'
	newline = '\n'
)

// keys passes bytes to the line editor, which takes Ctrl-C for the end of the
// input and Ctrl-Z for nothing: both become an Enter, and end tells which. It
// hands out a byte at a time, so that a key for ` --More-- ` is not swallowed.
type keys struct {
	in      *bufio.Reader
	pending []byte
	before  byte
	end     byte
}

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(k.pending) == 0 {
		b, err := k.next()
		if err != nil {
			return 0, err
		}
		k.take(b)
	}
	p[0] = k.pending[0]
	k.pending = k.pending[1:]
	return 1, nil
}

// next is the next key. Some terminals send two bytes for Enter.
func (k *keys) next() (byte, error) {
	for {
		b, err := k.in.ReadByte()
		before := k.before
		k.before = b
		if err != nil || b != newline || before != enter {
			return b, err
		}
	}
}

func (k *keys) take(b byte) {
	switch b {
	case ctrlC:
		k.end, k.pending = b, []byte{ctrlE, ctrlU, enter}
	case ctrlZ:
		k.end, k.pending = b, []byte{enter}
	default:
		k.pending = []byte{b}
	}
}
