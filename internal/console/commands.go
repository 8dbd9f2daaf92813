package console

import (
	"qmidle/internal/config"
)

// node is a row of the exec grammar.
type node = config.Node[*call]

// call is one run of a command.
type call struct {
	router Router
	view   View
}

// action carries a command out. An error is shown after IOS's "% ".
type action func(r Router, a config.Args) (View, error)

// do makes a grammar action of a command.
func do(f action) config.Action[*call] {
	return func(c *call, a config.Args) *config.Problem {
		view, err := f(c.router, a)
		if err != nil {
			return &config.Problem{Code: config.CodeValue, Message: "% " + err.Error()}
		}
		c.view = view
		return nil
	}
}

// show makes a grammar action of a command without arguments that cannot fail.
func show[V View](f func(Router) V) config.Action[*call] {
	return do(func(r Router, _ config.Args) (View, error) { return f(r), nil })
}
