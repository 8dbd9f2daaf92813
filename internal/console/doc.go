// Package console runs the exec commands of IOS against a router: show, debug,
// clear and ping. A command is one line of text; its result is the text that IOS
// 12.3(14)T would print, and the same facts as a value for JSON.
//
// It renders snapshots and events and decides nothing. It must not know
// sockets, goroutines, terminals or where the router keeps its state: it sees
// the Router interface only. It shows no key, but for what show
// running-config holds by IOS's own custom.
package console
