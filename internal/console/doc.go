// Package console is what an operator types at: the exec commands of IOS (show,
// debug, clear, ping) and its configuration mode. A command is one line of text;
// its result is the text that IOS 12.3(14)T would print, and the same facts as a
// value for JSON. A Console runs single lines, a Session has modes and a history,
// and a Terminal adds the keys and pages of a screen.
//
// It renders snapshots and events and decides nothing. It must not know
// sockets, goroutines or where the router keeps its state: it sees the Router
// interface only, and what a Router may have besides. Terminal alone reads and
// writes, on what it is given. It shows keys in show running-config and show
// crypto isakmp key only, by IOS's own custom.
package console
