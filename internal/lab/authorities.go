package lab

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/pki"
	"qmidle/internal/router"
	"qmidle/internal/trustpoint"
)

// keys are a gateway's key pairs, by label.
type keys map[string]crypto.Signer

func (k keys) find(label string) (crypto.Signer, bool) {
	key, ok := k[label]
	return key, ok
}

// give adds what a gateway has besides its configuration: certificates and private
// keys in PEM, of a file that is named for it. A block's headers say whose it is:
// `Trustpoint: NAME` of a certificate, with `Kind: ca` for the CA's; `Label: NAME` of
// a key.
func (c *gatewayConfig) give(text []byte) error {
	if c.keys == nil {
		c.keys = keys{}
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil
		}
		if err := c.giveBlock(block); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
}

func (c *gatewayConfig) giveBlock(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE":
		x, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return errors.New("a block of PEM is no certificate")
		}
		name := block.Headers["Trustpoint"]
		if c.cfg.Trustpoint(name) == nil {
			return fmt.Errorf("a certificate is of trustpoint %q, which the configuration does not have", name)
		}
		stored := config.StoredCertificate{Serial: pki.SerialText(x.SerialNumber), DER: x.Raw}
		if block.Headers["Kind"] == config.CACertificate.String() {
			stored.Kind = config.CACertificate
		}
		trustpoint.Store{Trustpoint: name, Certificates: []config.StoredCertificate{stored}}.Apply(c.cfg)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		signer, ok := key.(crypto.Signer)
		if err != nil || !ok {
			return errors.New("a block of PEM is no private key that signs")
		}
		c.keys[block.Headers["Label"]] = signer
	default:
		return fmt.Errorf("a block of PEM is of the type %q", block.Type)
	}
	return nil
}

// errNoWeb is the answer to what trustpoints want to fetch, but for what a program
// that runs the lab has put there.
var errNoWeb = errors.New("there are no web servers in the lab")

// fetch answers what a trustpoint wants to fetch.
func (l *lab) fetch(f trustpoint.Fetch) trustpoint.Answer {
	body, ok := l.web[f.HTTP.URL]
	if !ok || l.webSilent {
		return trustpoint.Answer{Err: errNoWeb}
	}
	a := trustpoint.Answer{Status: http.StatusOK, Body: body}
	if f.CRL {
		a.CRL, a.Err = pki.ReadCRL(bytes.NewReader(body))
	}
	return a
}

// judge has the trustpoints answer a question about a peer's certificate.
func (h *host) judge(id uint64, q ike.JudgePeer) {
	if h.supposed {
		h.do(func(now time.Time) router.Output { return h.router.Answer(now, id, ike.Judged{}) })
		return
	}
	var verdict *ike.Judged
	out := h.agent.Judge(h.wall(), router.Inquiry(q), func(j trustpoint.Judgement) {
		answer := router.Judged(j)
		verdict = &answer
	})
	for verdict == nil && len(out.Fetches) > 0 {
		fetches := slices.Clone(out.Fetches)
		out = trustpoint.Output{}
		for _, f := range fetches {
			more := h.agent.Fetched(h.wall(), f.ID, h.lab.fetch(f))
			out.Fetches = append(out.Fetches, more.Fetches...)
		}
	}
	h.later(func(now time.Time) router.Output {
		if verdict == nil {
			return h.router.Answer(now, id, nil)
		}
		return h.router.Answer(now, id, *verdict)
	})
}
