package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/radius"
	"qmidle/internal/router"
	"qmidle/internal/secret"
)

const radiusLatency = 20 * time.Millisecond

// radiusWorld is the RADIUS servers that all gateways can ask, on any port, and
// the users whom each of them knows. It is everywhere, but for a gateway that is
// cut off.
type radiusWorld struct {
	servers map[netip.Addr]*radiusServer
	users   map[string]*radiusUser
}

type radiusServer struct {
	key    secret.Secret
	silent bool
	delay  time.Duration
	atOnce int // how many requests it works on, while the others wait; 0: all

	working map[string]bool // requests that it has, which are not heeded again
	queue   []func()
}

// work has a request answered when its time has come. A server that is as slow as
// this knows a request that comes again (RFC 5080 section 2.2.2).
func (s *radiusServer) work(l *lab, request string, answer func()) {
	if s.atOnce == 0 {
		l.clock.after(radiusLatency+s.delay, answer)
		return
	}
	if s.working[request] {
		return
	}
	s.working[request] = true
	begin := func() {
		l.clock.after(radiusLatency+s.delay, func() {
			delete(s.working, request)
			answer()
			if len(s.queue) > 0 {
				next := s.queue[0]
				s.queue = s.queue[1:]
				next()
			}
		})
	}
	if len(s.working) > s.atOnce {
		s.queue = append(s.queue, begin)
		return
	}
	begin()
}

type radiusUser struct {
	password  string
	challenge string // what he is asked behind his password; "" for nothing
	answer    string
	accept    radius.Packet // its attributes
	tunnel    secret.Secret // Tunnel-Password, which is hidden anew in each answer
}

// challengeState marks the answer to a challenge.
const challengeState = "lab"

// askRADIUS carries a gateway's request to a server, and back what it answers.
func (h *host) askRADIUS(d aaa.Datagram) {
	l, asking := h.lab, h.router
	s := l.radius.servers[d.Server.Addr()]
	if s == nil || s.silent || l.net.faults.cut[h] {
		return
	}
	request, err := radius.Parse(d.Data)
	if err != nil {
		return
	}
	reply := l.radius.reply(request, s.key)
	if reply == nil {
		return
	}
	s.work(l, h.name+string(d.Data), func() {
		if s.silent {
			return
		}
		h.awake(func() {
			if h.router == asking { // not restarted since
				h.do(func(now time.Time) router.Output { return asking.RADIUSReply(now, d.Server, d.Socket, reply) })
			}
		})
	})
}

func (w *radiusWorld) reply(request *radius.Packet, key secret.Secret) []byte {
	if request.Code == radius.AccountingRequest {
		return (&radius.Packet{Code: radius.AccountingResponse}).Answer(request, key, false)
	}
	return w.judge(request, key).Answer(request, key, true)
}

func (w *radiusWorld) judge(request *radius.Packet, key secret.Secret) *radius.Packet {
	u := w.users[request.Text(radius.UserName)]
	state, answering := request.First(radius.State)
	switch {
	case u != nil && answering && string(state) == challengeState && request.Given(key, u.answer):
		return u.accepted(request, key)
	case u == nil || answering || !request.Given(key, u.password):
		return &radius.Packet{Code: radius.AccessReject}
	case u.challenge == "":
		return u.accepted(request, key)
	}
	p := &radius.Packet{Code: radius.AccessChallenge}
	p.AddText(radius.ReplyMessage, u.challenge)
	p.AddText(radius.State, challengeState)
	return p
}

func (u *radiusUser) accepted(request *radius.Packet, key secret.Secret) *radius.Packet {
	p := u.accept
	if !u.tunnel.IsZero() {
		p.AddTunnelSecret(u.tunnel, uint16(request.Identifier), request, key)
	}
	return &p
}

// parseRADIUS reads the forms of `radius`.
func (l *lab) parseRADIUS(words []string) (func() error, error) {
	switch {
	case len(words) < 2:
		return nil, errForm
	case words[0] == "user":
		return l.parseRADIUSUser(words[1:])
	}
	server, err := netip.ParseAddr(words[0])
	if err != nil || !server.Is4() {
		return nil, fmt.Errorf("%q is no IPv4 address", words[0])
	}
	change := func(f func(*radiusServer)) (func() error, error) {
		return func() error {
			s := l.radius.servers[server]
			if s == nil {
				return fmt.Errorf("there is no RADIUS server %s", server)
			}
			f(s)
			return nil
		}, nil
	}
	switch {
	case len(words) == 3 && words[1] == "key":
		return func() error { l.radius.servers[server] = &radiusServer{key: secret.FromString(words[2])}; return nil }, nil
	case len(words) == 2 && slices.Contains([]string{"silent", "answers"}, words[1]):
		return change(func(s *radiusServer) { s.silent, s.delay = words[1] == "silent", 0 })
	case (len(words) == 3 || len(words) == 4) && words[1] == "slow":
		return l.parseSlow(words[2:], change)
	}
	return nil, errForm
}

// parseSlow reads how long answers take, and how many requests a server works on at
// a time.
func (l *lab) parseSlow(words []string, change func(func(*radiusServer)) (func() error, error)) (func() error, error) {
	d, err := duration(words[0])
	if err != nil {
		return nil, err
	}
	atOnce := 0
	if len(words) == 2 {
		if atOnce, err = number(words[1], 1, 1000); err != nil {
			return nil, err
		}
	}
	return change(func(s *radiusServer) { s.delay, s.atOnce, s.working = d, atOnce, map[string]bool{} })
}

// parseRADIUSUser reads a user with what he gets: address=A.B.C.D, class=TEXT,
// timeout=SECONDS, tunnel-password=KEY, challenge=QUESTION/ANSWER, and Cisco's
// pairs, which have a colon in their name.
func (l *lab) parseRADIUSUser(words []string) (func() error, error) {
	if len(words) < 2 {
		return nil, errForm
	}
	u := &radiusUser{password: words[1], accept: radius.Packet{Code: radius.AccessAccept}}
	for _, word := range words[2:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no NAME=VALUE", word)
		}
		if err := u.give(name, value); err != nil {
			return nil, err
		}
	}
	return func() error { l.radius.users[words[0]] = u; return nil }, nil
}

func (u *radiusUser) give(name, value string) error {
	switch {
	case name == "address":
		a, err := netip.ParseAddr(value)
		if err != nil || !a.Is4() {
			return fmt.Errorf("%q is no IPv4 address", value)
		}
		u.accept.AddAddr(radius.FramedIPAddress, a)
	case name == "class":
		u.accept.AddText(radius.Class, value)
	case name == "timeout":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no number of seconds", value)
		}
		u.accept.AddUint(radius.SessionTimeout, uint32(n))
	case name == "tunnel-password":
		u.tunnel = secret.FromString(value)
	case name == "challenge":
		u.challenge, u.answer, _ = strings.Cut(value, "/")
	case strings.Contains(name, ":"):
		u.accept.AddCisco(name + "=" + value)
	default:
		return fmt.Errorf("a user has no %s", name)
	}
	return nil
}
