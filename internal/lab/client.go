package lab

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/router"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// vpnClient is a user's client on a gateway of the lab, which it has to itself: it
// offers what Cisco's VPN Client does, asks for its address, and opens a tunnel for
// everything. It carries no packets.
type vpnClient struct {
	host     *host
	server   netip.Addr
	engine   *ike.Engine
	user     string
	password secret.Secret
}

// clientTag is the client's only connection.
const clientTag = 1

// newVPNClient makes a client that has not begun.
func newVPNClient(h *host, server netip.Addr, group, key, user, password string, rand io.Reader) (*vpnClient, error) {
	var local netip.Addr
	if out, _, ok := h.lookup(server); ok {
		local = out.addr
	}
	if !local.IsValid() {
		return nil, fmt.Errorf("%s has no route to %s", h.name, server)
	}
	c := &vpnClient{host: h, server: server, user: user, password: secret.FromString(password)}
	any4 := policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)
	own := policy.ProxyFromPrefix(netip.PrefixFrom(local, 32), 0, 0)
	c.engine = ike.New(ike.Config{
		Policies: router.ClientPolicies(router.CiscoClient, isakmp.GroupMODP1024), Rand: rand, Events: c, Keys: noKeys{},
		NATT: []trace.NATTVersion{trace.NATTDraft02n},
		Aggressive: map[netip.Addr]*ike.Aggressive{server: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: group},
			Secret: secret.FromString(key), XAUTH: true, Offer: router.ClientOffer(router.CiscoClient, isakmp.GroupMODP1024)}},
		Connections: []*ike.Connection{{Tag: clientTag, Map: "client", Seq: 1, Local: local, Peers: []netip.Addr{server},
			TransformSets: clientSets(), Lives: policy.Lives{Seconds: router.ClientLife}, EasyVPN: &ike.EasyVPN{Version: "Cisco Systems VPN Client 4.6"},
			ACL: []policy.ACLEntry{{Permit: true, Local: own, Remote: any4}}}},
	})
	return c, nil
}

// noKeys is a KeyStore without keys: the group's is the client's only one.
type noKeys struct{}

func (noKeys) PresharedKey(ike.KeyQuery) (ike.Key, bool) { return ike.Key{}, false }

func clientSets() []policy.TransformSet {
	set := func(name string, bits uint16, auth isakmp.AuthAlgorithm) policy.TransformSet {
		return policy.TransformSet{Name: name, Cipher: isakmp.ESPAES, KeyBits: bits, Auth: auth}
	}
	return []policy.TransformSet{set("1", 256, isakmp.AuthAlgHMACMD5), set("2", 256, isakmp.AuthAlgHMACSHA1),
		set("3", 128, isakmp.AuthAlgHMACMD5), set("4", 128, isakmp.AuthAlgHMACSHA1)}
}

// Record implements trace.Sink: the client says nothing.
func (c *vpnClient) Record(*trace.Record) {}

// do gives the client an input, and carries out what comes of it.
func (c *vpnClient) do(input func(now time.Time, e *ike.Engine, fx *ike.Effects)) {
	var fx ike.Effects
	input(c.host.lab.clock.now, c.engine, &fx)
	for _, d := range fx.Send {
		c.host.sendIKE(d)
	}
	for _, x := range fx.Configured {
		c.tell(x)
	}
	for _, q := range fx.Questions {
		answer := ike.Credentials{Given: true, User: c.user, Password: c.password}
		c.do(func(now time.Time, e *ike.Engine, fx *ike.Effects) { e.Answer(now, q.ID, answer, fx) })
	}
}

// tell writes what the server gave into the transcript.
func (c *vpnClient) tell(x ike.ClientConfig) {
	if !x.Address.IsValid() {
		c.host.lab.write([]byte("! " + c.host.name + ": the address is gone\n"))
		return
	}
	c.host.lab.write(fmt.Appendf(nil, "! %s: address %s\n", c.host.name, x.Address))
}

// parseClient reads `client GATEWAY SERVER GROUP KEY USER PASSWORD` and `client
// GATEWAY off`.
func (l *lab) parseClient(words []string) (func() error, error) {
	if len(words) != 6 && (len(words) != 2 || words[1] != "off") {
		return nil, errForm
	}
	h, err := l.gateway(words[0])
	if err != nil {
		return nil, err
	}
	if len(words) == 2 {
		return func() error {
			if h.client != nil {
				h.client.do(func(now time.Time, e *ike.Engine, fx *ike.Effects) { e.Shutdown(now, fx) })
				l.run(typing, never)
			}
			return nil
		}, nil
	}
	server, err := netip.ParseAddr(words[1])
	if err != nil || !server.Is4() {
		return nil, fmt.Errorf("%q is no IPv4 address", words[1])
	}
	return func() error {
		if err := h.dial(server, words[2], words[3], words[4], words[5]); err != nil {
			return err
		}
		l.run(typing, never)
		return nil
	}, nil
}

// dial has a new client log in.
func (h *host) dial(server netip.Addr, group, key, user, password string) error {
	if h.users == nil {
		h.users = stream(h.lab.seed, "client "+h.name)
	}
	c, err := newVPNClient(h, server, group, key, user, password, h.users)
	if err != nil {
		return err
	}
	h.client = c
	c.do(func(now time.Time, e *ike.Engine, fx *ike.Effects) {
		e.Acquire(now, ike.Acquire{Connection: clientTag}, fx)
	})
	return nil
}

// withoutSecrets are the words of a line as the transcript shows them.
func withoutSecrets(words []string) []string {
	shown := slices.Clone(words)
	switch {
	case words[0] == "client" && len(words) == 7:
		shown[4], shown[6] = "<secret>", "<secret>"
	case words[0] == "radius" && len(words) > 3 && (words[1] == "user" || words[2] == "key"):
		shown[3] = "<secret>"
		for i, w := range shown {
			if name, _, ok := strings.Cut(w, "="); ok && strings.HasSuffix(name, "tunnel-password") {
				shown[i] = name + "=<secret>"
			}
		}
	}
	return shown
}

// deadline is when the host has something to do next: its router, or its client.
func (h *host) deadline() (at time.Time, ok bool) {
	at, ok = h.router.NextDeadline()
	if h.client == nil {
		return at, ok
	}
	if due, has := h.client.engine.NextDeadline(); has && (!ok || due.Before(at)) {
		return due, true
	}
	return at, ok
}

// timeout does what is due on a host.
func (h *host) timeout() {
	h.do(h.router.Timeout)
	if h.client != nil {
		h.client.do(func(now time.Time, e *ike.Engine, fx *ike.Effects) { e.Timeout(now, fx) })
	}
}
