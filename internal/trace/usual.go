package trace

import _ "embed"

// usualEvents is a chain of the events of tunnels that come up and are kept, at both
// ends. What they are decides how short other events become when they are packed, not
// what those say.
//
//go:embed usual.chain
var usualEvents []byte
