package trustpoint

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/big"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// maxSCEPCRL bounds a list that comes by SCEP: unlike one of a web server it is
// decrypted and read while others wait.
const maxSCEPCRL = 2 << 20

// askGetCRL asks a trustpoint's CA for its list by SCEP (RFC 8894 section
// 3.3.4): first what the CA can do, then with a message.
func (a *Agent) askGetCRL(c *crlState) {
	t := c.trustpoint
	client, err := a.scepClient(t)
	if err != nil {
		a.gotCRL(c, nil, err)
		return
	}
	server, err := server(t)
	if err != nil {
		a.gotCRL(c, nil, err)
		return
	}
	a.ask(Fetch{HTTP: server.Get(scep.OpGetCACaps, t.Name), Proxy: t.Proxy, MaxBytes: maxCAAnswer, Configured: true}, func(answer Answer) {
		if answer.Err != nil {
			a.gotCRL(c, nil, answer.Err)
			return
		}
		post := answer.Status == 200 && scep.ParseCapabilities(answer.Body).POST
		a.sendGetCRL(c, client, server, post)
	})
}

func (a *Agent) sendGetCRL(c *crlState, client *scep.Client, server scep.Server, post bool) {
	t := c.trustpoint
	id := make([]byte, 16)
	if _, err := io.ReadFull(a.o.Rand, id); err != nil {
		a.gotCRL(c, nil, err)
		return
	}
	transaction := &scep.Transaction{Type: scep.GetCRL, ID: hex.EncodeToString(id)}
	message, err := client.Message(transaction, scep.IssuerAndSerial(c.of))
	if err != nil {
		a.gotCRL(c, nil, err)
		return
	}
	request := server.Post(message, post)
	a.record(&trace.PKIRequestSent{Trustpoint: t.Name, Operation: request.Operation.String(), Path: request.Path})
	a.record(&trace.PKIMessage{Trustpoint: t.Name, Sent: true, Octets: message})
	a.ask(Fetch{HTTP: request, Proxy: t.Proxy, MaxBytes: maxSCEPCRL, Configured: true}, func(answer Answer) {
		list, err := a.getCRLReply(t, client, transaction, answer)
		a.gotCRL(c, list, err)
	})
}

func (a *Agent) getCRLReply(t *config.Trustpoint, client *scep.Client, transaction *scep.Transaction, answer Answer) (*pki.CRL, error) {
	switch {
	case answer.Err != nil:
		return nil, answer.Err
	case answer.Status != 200:
		return nil, fail("the CA's web server answers with HTTP status %d", answer.Status)
	}
	a.record(&trace.PKIMessage{Trustpoint: t.Name, Octets: answer.Body})
	reply, err := client.Reply(transaction, answer.Body)
	switch {
	case err != nil:
		return nil, err
	case reply.Status != scep.Success:
		return nil, fail("the CA gives no CRL: %s", refusal(reply))
	case reply.CRL == nil:
		return nil, fail("the CA's answer has no CRL")
	}
	return pki.ReadCRL(bytes.NewReader(reply.CRL))
}

// scepClient signs messages by the certificate of a trustpoint, or by one of
// the gateway's own making where there is none.
func (a *Agent) scepClient(t *config.Trustpoint) (*scep.Client, error) {
	set := a.ca(t.Name)
	signer, _ := a.o.Keys.Key(KeyLabel(a.o.Config, t))
	key, ok := signer.(scep.Key)
	if set == nil || !ok {
		return nil, fail("a CA is asked by SCEP with an RSA key only, and %s has none", t.Name)
	}
	client := &scep.Client{CA: set, Algorithms: algorithms(t), Key: key, Random: a.o.Rand, Signer: a.renewable(t.Name)}
	if client.Signer != nil {
		return client, nil
	}
	request, err := a.Request(t, Choices{})
	if err != nil {
		return nil, err
	}
	client.Signer, err = a.selfSigned(request, key, selfSignedFor)
	return client, err
}

// selfSigned makes a certificate of one's own, for some time.
func (a *Agent) selfSigned(request pki.Request, key crypto.Signer, lasts time.Duration) (*x509.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(a.now.Unix()), NotBefore: a.now.Add(-pki.ClockSkew), NotAfter: a.now.Add(lasts),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	der, err := request.SelfSign(a.o.Rand, key, template)
	if err != nil {
		return nil, fail("%v", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fail("the subject name cannot be written in a certificate")
	}
	return c, nil
}
