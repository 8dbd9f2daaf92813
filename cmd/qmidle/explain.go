package main

import (
	"fmt"
	"io"
)

// explainCommand is `qmidle explain`, which is to tell why a tunnel does or
// does not come up. It must fail without a daemon too.
func explainCommand(_ []string, _, stderr io.Writer) int {
	fmt.Fprintln(stderr, "% explain is not available yet\n  hint: `qmidle show crypto isakmp history` has the recorded events")
	return exitFailed
}
