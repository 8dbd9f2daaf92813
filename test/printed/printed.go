// Package printed collects what a process or a goroutine prints while a test looks at
// it. It knows nothing of what that is.
package printed

import (
	"bytes"
	"sync"
)

// Output is what has been printed so far. The zero Output is empty. Its methods may be
// called from any goroutine.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// String returns all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
