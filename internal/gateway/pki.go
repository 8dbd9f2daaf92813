package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/keystore"
	"qmidle/internal/pki"
	"qmidle/internal/pki/fetch"
	"qmidle/internal/router"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// Bounds of what is asked at a time; the rest waits. A server that lets wait
// holds up none but its own.
const (
	fetchesAtOnce = 16
	fetchesOfHost = 2
	listsAtOnce   = 8 // of revocations, which are held in memory while they are read
)

// maxKept is how much of an answer waits for the loop, lists of revocations
// apart, which are read on the way.
const maxKept = 16 << 20

// authorities are trustpoints at work, beside the router.
type authorities struct {
	agent   *trustpoint.Agent
	keys    *keystore.Store
	journal *journal
	client  fetch.Client
	places  chan struct{}
	lists   chan struct{}

	mu    sync.Mutex
	hosts map[string]*hostPlaces
}

// hostPlaces are those of one server, kept while somebody has or wants one.
type hostPlaces struct {
	places chan struct{}
	users  int
}

// openKeys reads the keys, which the router wants too.
func (g *Gateway) openKeys() (*keystore.Store, error) {
	if g.opts.Keys == "" {
		return keystore.InMemory(), nil
	}
	keys, err := keystore.Open(g.opts.Keys, g.opts.KeyPassphrase)
	if err != nil {
		return nil, &OperatorError{Message: err.Error()}
	}
	return keys, nil
}

// openAuthorities reads keys and certificates; the trustpoints begin to work with
// the router.
func (g *Gateway) openAuthorities() error {
	keys, err := g.openKeys()
	if err != nil {
		return err
	}
	kept, err := openJournal(g.opts.Keys)
	if err != nil {
		g.warnings = append(g.warnings, err.Error())
	}
	g.authorities = newAuthorities(keys, kept)
	g.warnings = append(g.warnings, g.authorities.restore(g.opts.Config)...)
	if now := time.Now(); now.Before(g.opts.Built) {
		g.warnings = append(g.warnings, "the clock says "+pki.DateText(now)+", and this program was built on "+pki.DateText(g.opts.Built)+
			"\n  hint: certificates are judged by the clock: set it")
	}
	return nil
}

// keysChanged lets the router prove itself by the keys that there are now.
func (v *view) keysChanged(err error) error {
	if err == nil {
		v.g.carry(v.g.router.KeysChanged(v.now))
	}
	return err
}

// judged is a verdict on a peer's certificate.
type judged struct {
	id     uint64
	answer ike.Judged
}

// judge asks the trustpoints about a peer's certificate. They answer at once, or once
// something was fetched.
func (g *Gateway) judge(id uint64, q ike.JudgePeer) {
	now := time.Now()
	g.enact(now, g.authorities.agent.Judge(now, router.Inquiry(q), func(j trustpoint.Judgement) {
		g.judged = append(g.judged, judged{id, router.Judged(j)})
	}))
}

// restore puts certificates that came after a configuration was saved into it,
// and returns what is to be said about that.
func (a *authorities) restore(cfg *config.Config) (told []string) {
	restored, promoted := trustpoint.Restore(cfg, a.keys, a.journal.kept())
	for _, label := range promoted {
		if err := a.keys.Promote(trustpoint.NextLabel(label), label); err != nil {
			told = append(told, err.Error())
		}
	}
	for _, name := range restored {
		told = append(told, "trustpoint "+name+" has certificates that came after the configuration was saved\n  hint: `write memory` saves them there")
	}
	return told
}

func newAuthorities(keys *keystore.Store, kept *journal) *authorities {
	return &authorities{keys: keys, journal: kept, places: make(chan struct{}, fetchesAtOnce), lists: make(chan struct{}, listsAtOnce), hosts: map[string]*hostPlaces{}}
}

// serialNumber stands for a router's: it is the host's, and tells nothing of
// the number that the host keeps to itself.
func serialNumber() string {
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return "00000000000"
	}
	sum := sha256.Sum256(append([]byte("qmidle serial number "), id...))
	return fmt.Sprintf("%X", sum)[:11]
}

// enact does what trustpoints ask for. It is for the loop.
func (g *Gateway) enact(now time.Time, out trustpoint.Output) {
	for _, s := range out.Stores {
		if err := g.store(now, s); err != nil {
			g.say("certificates of trustpoint %s came, and are not in the running configuration: %v", s.Trustpoint, err)
		}
	}
	for _, f := range out.Fetches {
		g.fetch(f)
	}
	for _, k := range out.Keys {
		g.makeKey(now, k)
	}
}

// makeKey makes a key pair that a trustpoint wants, beside the loop.
func (g *Gateway) makeKey(now time.Time, k trustpoint.KeyRequest) {
	keys := g.authorities.keys
	g.resolver.work.Go(func() {
		exportable := slices.ContainsFunc(keys.List(), func(p keystore.Pair) bool { return p.Label == k.Successor && p.Exportable })
		_, err := keys.Generate(now, k.Label, k.Bits, exportable)
		g.later(func(now time.Time) router.Output {
			g.enact(now, g.authorities.agent.Generated(now, k.ID, err))
			return router.Output{}
		})
	})
}

// later gives the loop an input of whoever may wait for it.
func (g *Gateway) later(in input) {
	select {
	case g.events <- in:
	case <-g.resolver.ctx.Done():
	}
}

// store makes certificates part of the running configuration.
func (g *Gateway) store(now time.Time, s trustpoint.Store) error {
	cfg, ds := config.Load("running-config", []byte(g.opts.Config.RunningConfig()))
	if err := ds.Err(); err != nil {
		return err
	}
	s.Apply(cfg)
	if s.Promote != "" {
		g.promote(cfg, s)
		return nil
	}
	g.keep(cfg.Chain(s.Trustpoint), func() {})
	return g.adoptCertificates(now, cfg)
}

// promote has a certificate and the new key that it is of take their places
// together: first on the disk, so that whatever happens then, a restart finds
// both.
func (g *Gateway) promote(cfg *config.Config, s trustpoint.Store) {
	g.keep(cfg.Chain(s.Trustpoint), func() {
		err := g.authorities.keys.Promote(trustpoint.NextLabel(s.Promote), s.Promote)
		g.later(func(now time.Time) (out router.Output) {
			s.Promote = ""
			if err == nil {
				err = g.store(now, s)
			}
			if err != nil {
				g.say("the new key and certificate of trustpoint %s are not in use: %v", s.Trustpoint, err)
			}
			return g.router.KeysChanged(now)
		})
	})
}

// adoptCertificates makes a configuration with other certificates the present
// one.
func (g *Gateway) adoptCertificates(now time.Time, cfg *config.Config) error {
	if _, err := g.reconfigure(now, cfg); err != nil {
		return err
	}
	g.text([]byte("%PKI-4-NOAUTOSAVE: Configuration was modified.  Issue \"write memory\" to save new certificate\n"))
	return nil
}

// keep has a trustpoint's certificates outlive a restart, beside the loop, and
// goes on there.
func (g *Gateway) keep(x *config.CertificateChain, then func()) {
	kept := g.authorities.journal
	if len(x.Of(config.OwnCertificate)) == 0 {
		then()
		return
	}
	kept.put(*x)
	g.resolver.work.Go(func() {
		if err := kept.write(); err != nil {
			g.tell(func(time.Time) (out router.Output) {
				g.say("the certificates of trustpoint %s are not kept over a restart: %v", x.Name, err)
				return out
			})
		}
		then()
	})
}

// fetch asks a CA, and gives the answer to the loop, whatever that is.
func (g *Gateway) fetch(f trustpoint.Fetch) {
	g.resolver.work.Go(func() {
		answer := g.authorities.ask(g.resolver.ctx, f)
		g.later(func(now time.Time) router.Output {
			g.enact(now, g.authorities.agent.Fetched(now, f.ID, answer))
			return router.Output{}
		})
	})
}

func (a *authorities) ask(ctx context.Context, f trustpoint.Fetch) trustpoint.Answer {
	leave, err := a.enter(ctx, f)
	if err != nil {
		return trustpoint.Answer{Err: err}
	}
	defer leave()
	q := fetch.Request{Method: f.HTTP.Method, URL: f.HTTP.URL, ContentType: f.HTTP.ContentType, Body: f.HTTP.Body,
		MaxBytes: min(f.MaxBytes, maxKept), Configured: f.Configured, Proxy: f.Proxy}
	var list *pki.CRL
	if f.CRL {
		q.MaxBytes = f.MaxBytes
		q.Read = func(in io.Reader) (err error) {
			list, err = pki.ReadCRL(in)
			return err
		}
	}
	r, err := a.client.Do(ctx, q)
	if err != nil {
		return trustpoint.Answer{Err: err}
	}
	return trustpoint.Answer{Status: r.Status, ContentType: r.ContentType, Header: r.Header, Body: r.Body, CRL: list}
}

// enter waits for a place: first among those of the server, so that who waits
// there takes none from others, then among all.
func (a *authorities) enter(ctx context.Context, f trustpoint.Fetch) (leave func(), err error) {
	host := ""
	if u, err := url.Parse(f.HTTP.URL); err == nil {
		host = u.Host
	}
	a.mu.Lock()
	h := a.hosts[host]
	if h == nil {
		h = &hostPlaces{places: make(chan struct{}, fetchesOfHost)}
		a.hosts[host] = h
	}
	h.users++
	a.mu.Unlock()
	queues := []chan struct{}{h.places, a.places}
	if f.CRL {
		queues = append(queues, a.lists)
	}
	var held []chan struct{}
	leave = func() {
		for _, q := range held {
			<-q
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(a.hosts, host)
		}
	}
	for _, q := range queues {
		select {
		case q <- struct{}{}:
			held = append(held, q)
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// Passphrase reads that of the keys from a file, such as a credential that
// systemd hands over. A line feed at its end is none of it.
func Passphrase(file string) (secret.Secret, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return secret.Secret{}, &OperatorError{Message: "the passphrase of the keys cannot be read from " + file + ": " + plainly(err)}
	}
	return secret.FromString(strings.TrimRight(string(text), "\r\n")), nil
}
