package trustpoint

// BoundEntries has fewer entries of lists kept than there may be.
func (a *Agent) BoundEntries(n int) { a.maxEntries = n }
