// Package fetch is the HTTP client towards CAs, revocation lists and OCSP
// responders: what may be asked, of whom, for how long and for how much.
//
// It must not know what the answers mean. A URL of a certificate, unlike one of
// the configuration, never leads to this host itself, whatever a CA has signed:
// not to its loopback, nor to what its links alone have. Neither kind is led
// elsewhere by more than a few redirects of http or https.
package fetch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sort"
	"strings"
	"syscall"
	"time"
)

// Bounds of one request.
const (
	Timeout      = 30 * time.Second // from beginning to end, however slowly octets drip
	dialTimeout  = 10 * time.Second
	maxRedirects = 3
	maxHeader    = 16 << 10
)

// Request is one question.
type Request struct {
	Method      string // GET or POST
	URL         string
	ContentType string // of Body
	Body        []byte
	// MaxBytes bounds the answer's body.
	MaxBytes int64
	// Configured says that an operator has written the URL: it may lead to this
	// host, as CAs of labs do.
	Configured bool
	// Proxy is `enrollment http-proxy`: host:port, or "".
	Proxy string
	// Read takes the body as it comes; nil keeps it in Response.Body.
	Read func(io.Reader) error
}

// Response is an answer. Header has the status line and the headers as they
// are shown in IOS's debug.
type Response struct {
	Status      int
	ContentType string
	Header      []string
	Body        []byte
}

// Error is why there is no answer, for the operator.
type Error struct {
	Kind Kind
	Text string
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// Kind is the kind of an Error.
type Kind uint8

// Kinds of error.
const (
	BadURL Kind = iota
	Unreachable
	TimedOut
	TooLarge
	Forbidden // the address or the redirect is not to be followed
	Unreadable
)

// Client fetches. The zero value is ready; tests set Resolver and Allow.
type Client struct {
	// Allow says whether a certificate's URL may lead to an address; nil is
	// AwayFromHere.
	Allow func(netip.Addr) bool
	// Roots are the CAs of https; nil is the host's.
	Roots *x509.CertPool
}

// AwayFromHere says whether an address is another host's, behind a route: of the
// Internet, or of a private network, as the lists of companies are. Those of this
// host, of a link and of groups are not; the services by which clouds tell a host
// its secrets are among them.
func AwayFromHere(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

// Do asks, and waits for the answer until it is there, too long or too late.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || !webScheme(u) {
		return nil, &Error{BadURL, "only http and https URLs are fetched; " + scheme(r.URL) + " is not supported"}
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, &Error{BadURL, "the URL cannot be asked"}
	}
	if r.ContentType != "" {
		q.Header.Set("Content-Type", r.ContentType)
	}
	transport := c.transport(r)
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: follow}
	answer, err := client.Do(q)
	if err != nil {
		return nil, explain(ctx, err)
	}
	defer answer.Body.Close()
	return c.read(ctx, r, answer)
}

func (c *Client) read(ctx context.Context, r Request, answer *http.Response) (*Response, error) {
	response := &Response{Status: answer.StatusCode, ContentType: answer.Header.Get("Content-Type"), Header: headerLines(answer)}
	limited := &bounded{in: answer.Body, left: r.MaxBytes}
	var err error
	if r.Read != nil && answer.StatusCode == http.StatusOK {
		err = r.Read(bufio.NewReader(limited))
		if err != nil && limited.err == nil {
			return nil, &Error{Unreadable, err.Error()}
		}
	} else {
		response.Body, err = io.ReadAll(limited)
	}
	switch {
	case errors.Is(limited.err, errTooLarge):
		return nil, &Error{TooLarge, fmt.Sprintf("the answer has more than %d bytes", r.MaxBytes)}
	case err != nil:
		return nil, explain(ctx, err)
	}
	return response, nil
}

// bounded fails rather than ends where there is more.
type bounded struct {
	in   io.Reader
	left int64
	err  error // the one that was met, io.EOF apart
}

var errTooLarge = errors.New("too large")

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.err = errTooLarge
		return 0, b.err
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// transport is for one request: who may be dialled depends on it.
func (c *Client) transport(r Request) *http.Transport {
	t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
		TLSHandshakeTimeout: dialTimeout, TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !r.Configured && r.Proxy == "" {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return c.allowed(address) }
	}
	t.DialContext = dialer.DialContext
	if r.Proxy != "" {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: r.Proxy})
	}
	return t
}

// allowed checks the address that a name led to, at the time it is dialled: what
// was resolved before might lead elsewhere now.
func (c *Client) allowed(address string) error {
	at, err := netip.ParseAddrPort(address)
	allow := c.Allow
	if allow == nil {
		allow = AwayFromHere
	}
	if err != nil || !allow(at.Addr()) {
		return &Error{Forbidden, "the URL leads to " + at.Addr().String() + ", to which that of a certificate may not; `crl query` and `ocsp url` may"}
	}
	return nil
}

func follow(q *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return &Error{Forbidden, "the server redirects too often"}
	case !webScheme(q.URL):
		return &Error{Forbidden, "the server redirects to " + printable(q.URL.Scheme) + ", which is not followed"}
	case via[0].URL.Scheme == "https" && q.URL.Scheme != "https":
		return &Error{Forbidden, "the server redirects from https to http, which is not followed"}
	case q.URL.Host != via[0].URL.Host && literal(q.URL.Hostname()) && !literal(via[0].URL.Hostname()):
		return &Error{Forbidden, "the server redirects to the address " + printable(q.URL.Hostname()) + ", which is not followed"}
	}
	return nil
}

func literal(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func webScheme(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

func scheme(text string) string {
	s, _, found := strings.Cut(text, ":")
	if !found || len(s) > 16 {
		return "what this is"
	}
	return printable(s)
}

// explain puts an error of net/http into an operator's words.
func explain(ctx context.Context, err error) error {
	var own *Error
	var timeout net.Error
	var dns *net.DNSError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Error{TimedOut, "there was no answer in time"}
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Unreachable, "the request was broken off"}
	case errors.As(err, &dns):
		return &Error{Unreachable, "the host " + printable(dns.Name) + " has no address"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Unreachable, "the server refuses the connection"}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return &Error{Unreachable, "there is no way to the server"}
	case errors.As(err, &verify):
		return &Error{Unreachable, "the server's own certificate is not trusted by this host"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Unreachable, "the answer was cut off"}
	}
	return &Error{Unreachable, "the server gives no answer that is HTTP"}
}

// headerLines are the status and the headers, in an order of their own: Go does
// not keep that on the wire.
func headerLines(r *http.Response) []string {
	var lines []string
	for name, values := range r.Header {
		for _, v := range values {
			lines = append(lines, printable(name+": "+v))
		}
	}
	sort.Strings(lines)
	return append([]string{printable(r.Proto + " " + r.Status)}, lines...)
}

const maxShown = 256

func printable(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '.'
		}
		return r
	}, s)
}
