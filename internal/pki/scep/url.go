package scep

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// Operation is what is asked of a CA over HTTP (RFC 8894 section 4.1).
type Operation uint8

// Operations.
const (
	OpGetCACaps Operation = iota
	OpGetCACert
	OpPKIOperation
	OpGetNextCACert
)

// String is the operation's name in a URL.
func (o Operation) String() string {
	return [...]string{"GetCACaps", "GetCACert", "PKIOperation", "GetNextCACert"}[o]
}

// HTTPRequest is what is to be sent.
type HTTPRequest struct {
	Operation Operation
	Method    string // GET or POST
	URL       string
	// Path is what stands in a GET's request line, for debug.
	Path        string
	ContentType string
	Body        []byte
}

// Server is where a CA's SCEP service is.
type Server struct{ base url.URL }

// NewServer reads an enrollment URL. As in IOS, one without a path is that of
// /cgi-bin/pkiclient.exe, and pkiclient.exe is added behind the folder in which
// such CAs have it.
func NewServer(text string) (Server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return Server{}, errors.New("an enrollment URL is of the form http://HOST[:PORT][/PATH]")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return Server{}, errors.New("certificates are enrolled over http or https; " + u.Scheme + " is not supported")
	}
	path := strings.TrimSuffix(u.Path, "/")
	switch {
	case path == "":
		path = "/cgi-bin/pkiclient.exe"
	case strings.HasSuffix(path, "/cgi-bin") || strings.HasSuffix(path, "/mscep.dll"):
		path += "/pkiclient.exe"
	}
	u.Path, u.RawQuery, u.Fragment, u.User = path, "", "", nil
	return Server{*u}, nil
}

// Get asks for what needs no message. name is the trustpoint's, of which most
// CAs take no notice.
func (s Server) Get(o Operation, name string) HTTPRequest {
	return s.request(o, url.QueryEscape(name))
}

// Post sends a message, by POST or in the URL of a GET.
func (s Server) Post(message []byte, post bool) HTTPRequest {
	if !post {
		return s.request(OpPKIOperation, url.QueryEscape(base64.StdEncoding.EncodeToString(message)))
	}
	u := s.base
	u.RawQuery = "operation=" + OpPKIOperation.String()
	return HTTPRequest{Operation: OpPKIOperation, Method: "POST", URL: u.String(), Path: u.RequestURI(), ContentType: TypePKI, Body: message}
}

func (s Server) request(o Operation, message string) HTTPRequest {
	u := s.base
	u.RawQuery = "operation=" + o.String() + "&message=" + message
	return HTTPRequest{Operation: o, Method: "GET", URL: u.String(), Path: u.RequestURI()}
}
