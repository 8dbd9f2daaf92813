package simulate

import (
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
)

var (
	seeds = flag.Int("seeds", 500, "how many seeds to run")
	from  = flag.Uint64("from", 1, "the first seed")
	one   = flag.Uint64("seed", 0, "run this seed alone, and show its transcript")
)

func TestSeeds(t *testing.T) {
	if *one != 0 {
		numbers, failure := Draw(*one).Run(os.Stdout, true)
		t.Logf("%+v", numbers)
		if failure != nil {
			t.Error(failure)
		}
		return
	}
	for i := range *seeds {
		seed := *from + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			numbers, failure := Draw(seed).Run(io.Discard, false)
			if failure != nil {
				t.Errorf("%v\nshown by: make simulate SEED=%d", failure, seed)
			}
			t.Logf("%+v", numbers)
		})
	}
}
