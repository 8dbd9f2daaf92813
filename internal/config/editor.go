package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxErrors stops a load that goes nowhere, such as one of a binary file.
const maxErrors = 20

// maxLine is far above what a router takes for one line.
const maxLine = 4096

// mode is a configuration mode: a table of commands.
type mode struct {
	name   string // the documentation's heading
	prompt string // what stands between the host name and `#`
	nodes  []*Node[*Editor]
	// open says that unknown commands have nothing to do with VPN: IOS has
	// hundreds of interface commands.
	open bool
}

// Editor applies configuration lines to a Config, one at a time, as `configure
// terminal` does. Load is an Editor that reads a file.
type Editor struct {
	cfg  *Config
	file string

	line int    // the current line's number
	text string // the current line

	mode     *mode // nil: the global one
	opened   int   // indentation of the line that entered mode
	indented bool  // mode has had lines that stood further in
	below    block

	// What the commands of a mode act upon.
	policy int
	set    *TransformSet
	entry  *CryptoMapEntry
	within string // name of entry's crypto map
	iface  *Interface
	list   *AccessList

	trustpoint *Trustpoint
	mapEntry   *CertificateMapEntry
	chain      *CertificateChain
	peerKey    *PeerKey
	hex        *hexText // a certificate's or a key's text is being read

	keyring *Keyring
	profile *ISAKMPProfile
	peer    *ISAKMPPeer

	group       *ClientGroup
	easyVPN     *EasyVPN
	server      *RADIUSServer
	serverGroup *ServerGroup

	open   *openText // a text that goes on
	hashed int       // secrets in clear that were read

	marks    map[string]mark
	uses     []use
	lists    map[string]*AccessList
	standard map[string]bool // standard access lists, which are not kept
	foreign  int             // lines skipped
	matched  map[*AccessList]map[packetMatch]bool
	applied  map[string]bool      // owners of what is in effect, during Check
	keys     map[string]*KeyTable // by keyring, likewise
	hints    int                  // given for names that do not exist, during Check
	ended    bool                 // `end` was read
	loading  bool                 // a file is read, where each block is to stand once
	checked  bool                 // Check was called
	diags    Diagnostics
}

// block is the lines below a command that is not looked into.
type block struct {
	on      bool
	indent  int  // of the command
	flush   bool // lines that stand no further in may belong to it too
	foreign bool // they count as having nothing to do with VPN
}

// mark is where a part of the model was written.
type mark struct {
	line, col, caret int
	text             string
}

// use is an unsupported construct that was met.
type use struct {
	feature string
	scope   Scope
	owner   string // the crypto map, access list, interface or ISAKMP profile
	at      mark
}

// NewEditor edits cfg in place.
func NewEditor(cfg *Config) *Editor {
	e := &Editor{cfg: cfg, marks: map[string]mark{}, lists: make(map[string]*AccessList), standard: map[string]bool{}}
	for _, l := range cfg.AccessLists {
		e.lists[l.Name] = l
	}
	return e
}

// Line applies one line and returns what is to be said about it.
func (e *Editor) Line(text string) Diagnostics {
	e.diags = nil
	e.apply(text)
	return e.diags
}

// Prompt is what IOS shows before `#` or after the host name: "(config)",
// "(config-isakmp)" and so on.
func (e *Editor) Prompt() string { return "(" + e.current().prompt + ")" }

// Help returns what `?` shows after a part of a line, in the current mode.
func (e *Editor) Help(line string) ([]Choice, *SyntaxError) {
	return Help(e.current().nodes, withoutNo(line))
}

// Complete returns what the tab key makes of the last word, in the current
// mode.
func (e *Editor) Complete(line string) (string, bool) {
	return Complete(e.current().nodes, withoutNo(line))
}

// withoutNo drops a leading `no`, after which the same commands stand.
func withoutNo(line string) string {
	if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "no "); ok {
		return rest
	}
	return line
}

// apply reads one line, as IOS does: the mode's own commands first, then the
// global ones, which leave the mode.
func (e *Editor) apply(text string) {
	if e.hex != nil {
		e.hexLine(text)
		return
	}
	e.line++
	if e.open != nil {
		e.collect(text)
		return
	}
	e.text = strings.TrimRight(text, " \t\r")
	if comment(e.text) {
		if strings.HasPrefix(e.text, "!") {
			e.below.on = false
		}
		return
	}
	if len(e.text) > maxLine {
		e.report(Error, CodeInvalid, fmt.Sprintf("the line has %d characters, more than any command", len(e.text)), mark{line: e.line})
		return
	}
	if i := strangeByte(e.text); i >= 0 {
		e.text = e.text[:i]
		at := e.plain(i)
		if mayHoldKey(lex(e.text)) {
			at.text = ""
		}
		e.report(Error, CodeInvalid, fmt.Sprintf("byte 0x%02x is not part of any command", text[i]), at)
		return
	}
	words := lex(e.text)
	if e.skipped(words) || e.leaves(words) {
		return
	}
	c := command{words: words}
	switch {
	case strings.EqualFold(words[0].Text, "no") && len(words) > 1:
		c.negated, c.words = true, words[1:]
	case strings.EqualFold(words[0].Text, "default") && len(words) > 1:
		c.negated, c.reset, c.words = true, true, words[1:]
	}
	e.dispatch(c)
}

// command is a line without its `no` or `default`.
type command struct {
	words   []Token
	negated bool // `no`, or `default`
	reset   bool // `default`
}

// skipped says whether a line belongs to a block that is not looked into.
func (e *Editor) skipped(words []Token) bool {
	if !e.below.on {
		return false
	}
	inside := indent(e.text) > e.below.indent
	if !inside && e.below.flush && !exits(words) {
		_, err := Parse(globalMode.nodes, e.text, words)
		inside = err != nil && err.unknown() && !strings.EqualFold(words[0].Text, "no")
	}
	if !inside {
		e.below.on = false
		return false
	}
	if e.below.foreign {
		e.foreign++
	}
	return true
}

func exits(words []Token) bool {
	w := strings.ToLower(words[0].Text)
	return len(words) == 1 && (w == "exit" || w == "end")
}

// leaves handles `exit` and `end`.
func (e *Editor) leaves(words []Token) bool {
	if !exits(words) {
		return false
	}
	if strings.EqualFold(words[0].Text, "end") {
		e.ended = true
	}
	e.enter(nil)
	return true
}

// current is the table that lines are looked up in first.
func (e *Editor) current() *mode {
	if e.mode == nil {
		return &globalMode
	}
	return e.mode
}

// enter makes m the mode of the lines that follow; nil is the global one.
func (e *Editor) enter(m *mode) {
	e.list = nil
	e.mode, e.opened, e.indented = m, indent(e.text), false
}

// dispatch finds the mode that a command belongs to: the current one, or the
// global one, which leaves it.
func (e *Editor) dispatch(c command) {
	m := e.current()
	own, ownErr := parse(m.nodes, e.text, c.words, c.negated)
	if e.mode == nil || ownErr == nil && !own.Foreign {
		e.indented = e.indented || indent(e.text) > e.opened
		e.finish(c, own, ownErr)
		return
	}
	foreign := ownErr == nil || m.open && ownErr.unknown()
	if foreign {
		own.Foreign, ownErr = true, nil
	}
	inside := indent(e.text) > e.opened
	e.indented = e.indented || inside
	if inside && (m.open || foreign) {
		e.finish(c, own, ownErr)
		return
	}
	global, globalErr := parse(globalMode.nodes, e.text, c.words, c.negated)
	switch {
	case foreign && !e.indented && (globalErr == nil && global.Foreign || globalErr != nil && globalErr.unknown()):
		e.finish(c, own, nil)
	case globalErr == nil && !(global.Foreign && inside):
		e.enter(nil)
		e.finish(c, global, nil)
	case globalErr != nil && (ownErr == nil || globalErr.At > ownErr.At || globalErr.At == ownErr.At && !inside):
		e.enter(nil)
		e.finish(c, global, globalErr)
	default:
		e.finish(c, own, ownErr)
	}
}

// unknown says whether not even the first word was understood or resembles
// one that is.
func (err *SyntaxError) unknown() bool {
	return err.Code == CodeInvalid && err.At == 0 && err.Near == ""
}

// finish reports or runs a parsed command.
func (e *Editor) finish(c command, m Match[*Editor], err *SyntaxError) {
	switch {
	case err != nil:
		e.syntaxError(c, m, err)
	case m.Foreign:
		e.foreign++
		e.below = block{on: true, indent: indent(e.text), foreign: true, flush: len(m.Path) > 0 && m.last().Block}
	case m.last().Unsupported != "":
		e.unsupported(c, m)
	default:
		e.run(c, m)
	}
}

// run carries a command out.
func (e *Editor) run(c command, m Match[*Editor]) {
	action := m.last().Do
	if c.negated {
		action = m.no()
	}
	if c.reset && m.last().Reset != nil {
		action = m.last().Reset
	}
	if action == nil {
		e.report(Error, CodeInvalid, "this command has no `no` form", e.at(m.Args, Token{Col: indent(e.text)}))
		return
	}
	e.below.on = false
	p := action(e, m.Args)
	if p == nil {
		return
	}
	word := c.words[len(c.words)-1]
	if a := m.Args.get(p.Arg); a.Name != "" {
		word = a.Token
	}
	e.report(Error, p.Code, p.Message, e.at(m.Args, word))
	e.diags[len(e.diags)-1].Hint = p.Hint
	e.swallow()
}

// unsupported remembers a construct that IOS knows and this does not, and
// forgets it on `no`. Whether it stops the load is for Check to say.
func (e *Editor) unsupported(c command, m Match[*Editor]) {
	n := m.last()
	e.below = block{on: true, indent: indent(e.text), flush: n.Block}
	owner := e.owner(n.Scope, m.Args)
	if c.negated {
		e.uses = slices.DeleteFunc(e.uses, func(u use) bool { return u.feature == n.Unsupported && u.owner == owner })
		return
	}
	u := use{feature: n.Unsupported, scope: n.Scope, owner: owner, at: e.at(m.Args, c.words[len(m.Path)-1])}
	u.at.text, u.at.caret = e.shown(m, len(m.Path)-1, c.words)
	e.uses = append(e.uses, u)
}

// owner names the crypto map, access list, interface or ISAKMP profile that a
// line belongs to.
func (e *Editor) owner(s Scope, a Args) string {
	switch {
	case s == ScopeMap && a.Has("map"):
		return a.Text("map")
	case s == ScopeMap:
		return e.within
	case s == ScopeACL && a.Has("list"):
		return a.Text("list")
	case s == ScopeACL && e.list != nil:
		return e.list.Name
	case s == ScopeInterface && e.iface != nil:
		return e.iface.Name
	case s == ScopeProfile && a.Has("profile"):
		return a.Text("profile")
	case s == ScopeProfile:
		return e.profile.Name
	}
	return ""
}
