package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// noise is what a link does to packets at random, besides losing them.
type noise struct {
	repeat int           // percent of packets that are delivered twice
	flip   int           // percent of packets that arrive with a bit changed
	jitter time.Duration // by which a packet is late at most
}

// copies returns what arrives of a packet that a link carries.
func (f *faults) copies(l *link, p packet) []packet {
	list := []packet{p}
	if l.noise.repeat > 0 && f.rand.IntN(100) < l.noise.repeat {
		list = append(list, slices.Clone(p))
	}
	for _, c := range list {
		if l.noise.flip > 0 && f.rand.IntN(100) < l.noise.flip {
			f.flip(c)
		}
	}
	return list
}

// flip changes one bit of what a packet carries. IP's and UDP's headers stay:
// with a wrong one the packet would only be lost.
func (f *faults) flip(p packet) {
	skip := ipLen
	if p.protocol() == protoUDP {
		skip += udpLen
	}
	if len(p) > skip {
		p[skip+f.rand.IntN(len(p)-skip)] ^= 1 << f.rand.IntN(8)
	}
}

// lateness draws by how much longer than its latency a link takes.
func (f *faults) lateness(l *link) time.Duration {
	if l.noise.jitter <= 0 {
		return 0
	}
	return time.Duration(f.rand.Int64N(int64(l.noise.jitter) + 1))
}

// percentVerb makes the parser of `NAME PERCENT [on SUBNET]`.
func percentVerb(name string, what func(*link) *int) func(*lab, []string) (func() error, error) {
	return func(l *lab, words []string) (func() error, error) {
		if len(words) == 0 {
			return nil, errForm
		}
		percent, err := number(strings.TrimSuffix(words[0], "%"), 0, 100)
		if err != nil {
			return nil, err
		}
		on, from, err := l.place(words[1:])
		if err != nil {
			return nil, err
		}
		if from != nil {
			return nil, errors.New(name + " is a link's")
		}
		return func() error {
			for _, k := range l.net.links {
				if on == nil || on == k {
					*what(k) = percent
				}
			}
			return nil
		}, nil
	}
}

func (l *lab) parseJitter(words []string) (func() error, error) {
	if len(words) != 2 {
		return nil, errForm
	}
	on, err := l.subnet(words[0])
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(words[1])
	if err != nil || d < 0 {
		return nil, fmt.Errorf("%q is no duration such as 200ms, or 0s", words[1])
	}
	return func() error { on.noise.jitter = d; return nil }, nil
}
