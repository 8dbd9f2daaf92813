package console

// Patient is a Router that lets the gateway go on with its own work meanwhile, and
// comes back.
type Patient interface {
	// Aside runs f, which does not touch the router, while the gateway goes on. It
	// fails as f does, or where the gateway has ended.
	Aside(f func() error) error
}

// aside runs f, while the gateway goes on if it can.
func aside(r Router, f func() error) error {
	if p, ok := r.(Patient); ok {
		return p.Aside(f)
	}
	return f()
}
