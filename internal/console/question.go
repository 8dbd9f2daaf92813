package console

import (
	"fmt"
	"strings"
)

// question is what an operator is asked in the middle of a command. Its answer
// is the next line.
type question struct {
	text   string // stands where the prompt does
	hidden bool   // the answer is not shown
	then   func(answer string) (View, error)
}

// ask shows a message, and a question that has to be answered before the command
// goes on.
func (c *call) ask(m Message, text string, then func(string) (View, error)) (View, error) {
	return c.put(m, question{text: text, then: then}, "")
}

// hidden asks for a password.
func (c *call) hidden(m Message, text string, then func(string) (View, error)) (View, error) {
	return c.put(m, question{text: text, hidden: true, then: then}, "")
}

func (c *call) put(m Message, q question, hint string) (View, error) {
	if c.session == nil {
		err := fmt.Errorf("This asks, and there is nobody to answer: use an interactive console")
		if hint != "" {
			err = fmt.Errorf("%w, or %s", err, hint)
		}
		return nil, err
	}
	c.session.question = &q
	return m, nil
}

// yesNo asks until it is answered by one of both. hint says how the
// configuration can answer.
func (c *call) yesNo(m Message, text, hint string, then func(yes bool) (View, error)) (View, error) {
	return c.put(m, question{text: text, then: func(answer string) (View, error) {
		answer = strings.ToLower(answer)
		switch {
		case answer != "" && strings.HasPrefix("yes", answer):
			return then(true)
		case answer != "" && strings.HasPrefix("no", answer):
			return then(false)
		}
		return c.yesNo(say("% Please answer 'yes' or 'no'."), text, hint, then)
	}}, hint)
}

// maxPaste is far above any certificate or key, in octets.
const maxPaste = 64 << 10

// paste takes lines up to `quit`, or to a blank one where blank is set.
func (c *call) paste(m Message, blank bool, then func(text string) (View, error)) (View, error) {
	var b strings.Builder
	var next func(string) (View, error)
	next = func(line string) (View, error) {
		if strings.EqualFold(line, "quit") || blank && line == "" && b.Len() > 0 {
			return then(b.String())
		}
		if b.Len()+len(line) > maxPaste {
			return nil, fmt.Errorf("The text is longer than any certificate or key")
		}
		b.WriteString(line + "\n")
		return c.ask(say(), "", next)
	}
	return c.ask(m, "", next)
}

// answer goes on with the command that has asked.
func (s *Session) answer(line string) Result {
	q := s.question
	s.question = nil
	view, err := q.then(strings.TrimSpace(line))
	if err != nil {
		return Result{Err: fmt.Errorf("%% %w", err)}
	}
	return Result{Output: printable(view.Text()), JSON: view}
}

// Asking says whether the next line is the answer to a question, and whether it
// is to be hidden.
func (s *Session) Asking() (asking, hidden bool) {
	if s.question == nil {
		return false, false
	}
	return true, s.question.hidden
}

// Refuse gives a question up, and the command that has asked it.
func (s *Session) Refuse() { s.question = nil }
