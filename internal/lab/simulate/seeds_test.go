package simulate

import (
	"fmt"
	"io"
	"testing"
)

// failed are seeds that have failed once, and what was wrong. Where the engine was, a
// test beside it shows that alone.
var failed = []struct {
	seed       uint64
	generation int
	what       string
}{
	{32, 1, "a client behind a NAT that forgets was another login when it renewed, and lost its pairs with the old one"},
	{9107, 1, "the same, of a client with an address of the server's"},
	{251, 1, "a flow that had come back stops again: a pair is renewed whose peer has no ISAKMP SA to tell by"},
	{1578, 1, "a quick mode whose responder was configured anew was asked for until its tries were over"},
	{8714, 1, "the same"},
	{4217, 1, "behind two NATs a peer with two identities was taken for two peers: now the plan gives it one"},
	{6338, 1, "the same"},
	{6775, 1, "the same"},
	{5720, 1, "a gateway that stands in for another does not know that a NAT has forgotten its spoke until it sends: now no agreement"},
	{32, 2, "a client was told its lifetime when that was over by its count, and had no time to renew"},
	{7884, 2, "a new configuration ended a client's login by its unconfirmed quick mode, and spoke under its ISAKMP SA"},
	{2767, 2, "a client kept the address of before, which its server had lost and given to another, until its ISAKMP SA was over"},
	{8445, 2, "a spoke's pair has its successor with the gateway that stands in for the other: now it counts"},
	{2212, 2, "an ISAKMP SA at port 500 was moved to 4500, where another one with its peer had come up: nothing came through"},
	{9869, 2, "a pair came up right before its ISAKMP SA ended, which had nothing to be renewed for and did not look again in time"},
	{5837, 2, "the lab's trustpoints took a clock that was put back for time that had not passed"},
	{1190, 2, "a list of revocations that could not be fetched is not asked for again for five minutes: now in the bound"},
	{1248, 2, "the same"},
	{1293, 2, "the same"},
	{1530, 2, "the same"},
}

// What has failed once does so no more.
func TestSeedsThatFailed(t *testing.T) {
	for _, x := range failed {
		t.Run(fmt.Sprint(x.seed, " of generation ", x.generation), func(t *testing.T) {
			t.Parallel()
			if _, failure := drawn(x.seed, x.generation).Run(io.Discard, false); failure != nil {
				t.Errorf("%v\nonce: %s", failure, x.what)
			}
		})
	}
}
