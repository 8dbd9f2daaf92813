package gateway

import (
	"math/rand/v2"
	"testing"

	"qmidle/internal/isakmp"
)

// Every cookie that is kept is known until it is forgotten, whatever others share its
// place, and few that nobody has drawn are.
func TestCookiesAreKnownAsLongAsTheyAreKept(t *testing.T) {
	random := rand.NewChaCha8([32]byte{3})
	draw := func() (c isakmp.Cookie) {
		random.Read(c[:])
		return c
	}
	var c cookies
	var kept []isakmp.Cookie
	for range 20000 {
		kept = append(kept, draw())
		c.Keep(kept[len(kept)-1])
	}
	message := func(i, r isakmp.Cookie) []byte { return append(append([]byte{}, i[:]...), r[:]...) }
	for i, x := range kept {
		if !c.mayKnow(message(draw(), x)) || !c.mayKnow(message(x, draw())) {
			t.Fatalf("cookie %d is not known", i)
		}
	}
	strange := 0
	for range 10000 {
		if c.mayKnow(message(draw(), draw())) {
			strange++
		}
	}
	if strange > 2000 {
		t.Errorf("%d of 10000 strange messages are taken for ours", strange)
	}
	for _, x := range kept {
		c.Forget(x)
	}
	for i := range c.words {
		if c.words[i].Load() != 0 {
			t.Fatalf("word %d is %#x when all are forgotten", i, c.words[i].Load())
		}
	}
}

// A place that more share than can be counted stays taken.
func TestAPlaceOfManyCookiesStaysTaken(t *testing.T) {
	var c cookies
	x, next := isakmp.Cookie{1: 7}, isakmp.Cookie{1: 7, 2: 0x40}
	for range 300 {
		c.Keep(x)
	}
	c.Keep(next)
	for range 300 {
		c.Forget(x)
	}
	if !c.taken(x[:]) || !c.taken(next[:]) {
		t.Error("a cookie that is kept is not known")
	}
}
