package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"qmidle/internal/pki/fetch"
)

func anywhere(netip.Addr) bool { return true }

func TestFetch(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/x-pki-message")
		w.Header().Set("Server", "Microsoft-IIS/5.0")
		w.Header()["Date"] = nil
		_, _ = w.Write(append([]byte(r.Method+" "+r.Header.Get("Content-Type")+" "), body...))
	}))
	defer s.Close()
	var c fetch.Client
	r, err := c.Do(context.Background(), fetch.Request{Method: "POST", URL: s.URL + "/x?a=b", ContentType: "text/plain", Body: []byte("hello"), MaxBytes: 100, Configured: true})
	if err != nil {
		t.Fatal(err)
	}
	want := "HTTP/1.1 200 OK|Content-Length: 21|Content-Type: application/x-pki-message|Server: Microsoft-IIS/5.0"
	if string(r.Body) != "POST text/plain hello" || strings.Join(r.Header, "|") != want || r.ContentType != "application/x-pki-message" {
		t.Errorf("%q %q", r.Body, r.Header)
	}
	var streamed bytes.Buffer
	r, err = c.Do(context.Background(), fetch.Request{Method: "GET", URL: s.URL, MaxBytes: 100, Configured: true,
		Read: func(in io.Reader) error { _, err := io.Copy(&streamed, in); return err }})
	if err != nil || r.Body != nil || streamed.String() != "GET  " {
		t.Errorf("%v %q", err, streamed.String())
	}
}

// What a server or a URL can do wrong.
func TestHostileServers(t *testing.T) {
	hold := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 1001)) })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-hold:
				return
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("x"))
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	mux.HandleFunc("/fine", func(w http.ResponseWriter, r *http.Request) {})
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(hold)
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	mux.HandleFunc("/address", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, s.URL+"/fine", http.StatusFound) })

	gone := httptest.NewServer(mux)
	gone.Close()
	ctx, cancel := context.WithCancel(context.Background())
	dripping := func(in io.Reader) error {
		_, _ = in.Read(make([]byte, 1))
		cancel() // as the end of the time would
		_, err := io.Copy(io.Discard, in)
		return err
	}
	for _, test := range []struct {
		name, url  string
		configured bool
		read       func(io.Reader) error
		want       fetch.Kind
	}{
		{"too large", s.URL + "/large", true, nil, fetch.TooLarge},
		{"too large for a reader", s.URL + "/large", true, func(in io.Reader) error { _, err := io.Copy(io.Discard, in); return err }, fetch.TooLarge},
		{"cut", s.URL + "/cut", true, nil, fetch.Unreachable},
		{"a loop", s.URL + "/loop", true, nil, fetch.Forbidden},
		{"a redirect to a file", s.URL + "/file", true, nil, fetch.Forbidden},
		{"a redirect to an address", byName + "/address", true, nil, fetch.Forbidden},
		{"endless headers", s.URL + "/headers", true, nil, fetch.Unreachable},
		{"a stranger's URL to this host", s.URL + "/fine", false, nil, fetch.Forbidden},
		{"and by its name", byName + "/fine", false, nil, fetch.Forbidden},
		{"nobody there", gone.URL, true, nil, fetch.Unreachable},
		{"what cannot be read", s.URL + "/fine", true, func(io.Reader) error { return errors.New("no CRL") }, fetch.Unreadable},
		{"LDAP", "ldap://ca/cn=x", true, nil, fetch.BadURL},
		{"a file", "file:///etc/passwd", true, nil, fetch.BadURL},
		{"no URL", "x", true, nil, fetch.BadURL},
		{"slow drips", s.URL + "/drip", true, dripping, fetch.Unreachable}, // the last: it ends the context
	} {
		t.Run(test.name, func(t *testing.T) {
			var c fetch.Client
			_, err := c.Do(ctx, fetch.Request{Method: "GET", URL: test.url, MaxBytes: 1000, Configured: test.configured, Read: test.read})
			var own *fetch.Error
			if !errors.As(err, &own) {
				t.Fatalf("%v", err)
			}
			if own.Kind != test.want {
				t.Errorf("%d, want %d: %v", own.Kind, test.want, err)
			}
		})
	}
	c := fetch.Client{Allow: anywhere}
	if _, err := c.Do(context.Background(), fetch.Request{Method: "GET", URL: s.URL + "/fine", MaxBytes: 10}); err != nil {
		t.Error(err)
	}
}

func TestProxy(t *testing.T) {
	var asked string
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = r.URL.String() }))
	defer p.Close()
	var c fetch.Client
	_, err := c.Do(context.Background(), fetch.Request{Method: "GET", URL: "http://ca.example.com/scep", MaxBytes: 10, Proxy: strings.TrimPrefix(p.URL, "http://")})
	if err != nil || asked != "http://ca.example.com/scep" {
		t.Errorf("%v %q", err, asked)
	}
}

func TestAddressesOfCertificates(t *testing.T) {
	for _, a := range []string{"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::", "255.255.255.255", "fe80::1", "ff02::1"} {
		if fetch.AwayFromHere(netip.MustParseAddr(a)) {
			t.Errorf("%s is taken for another host's", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "2001:4860:4860::8888", "10.1.2.3", "192.168.1.1", "172.16.0.1", "fc00::1", "100.64.1.1"} {
		if !fetch.AwayFromHere(netip.MustParseAddr(a)) {
			t.Errorf("%s is not taken for another host's", a)
		}
	}
}
