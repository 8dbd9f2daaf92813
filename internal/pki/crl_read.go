package pki

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"math"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// crlAlgorithms are those that a list may be signed with. Their hash can be
// taken while it is read.
var crlAlgorithms = []struct {
	oid       asn1.ObjectIdentifier
	algorithm x509.SignatureAlgorithm
	hash      crypto.Hash
	make      func() hash.Hash
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, x509.SHA256WithRSA, crypto.SHA256, sha256.New},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, x509.SHA384WithRSA, crypto.SHA384, sha512.New384},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, x509.SHA512WithRSA, crypto.SHA512, sha512.New},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, x509.SHA1WithRSA, crypto.SHA1, sha1.New},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, x509.ECDSAWithSHA256, crypto.SHA256, sha256.New},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, x509.ECDSAWithSHA384, crypto.SHA384, sha512.New384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, x509.ECDSAWithSHA512, crypto.SHA512, sha512.New},
}

// maxPart bounds what of a list is held as it stands: a name, the extensions of
// an entry, all others, the signature.
const maxPart = 64 << 10

// ReadCRL reads a revocation list in DER (RFC 5280 section 5), entry for entry;
// or in PEM, as some servers have it. Its signature is for CheckCRL. The error is
// for the operator.
func ReadCRL(r io.Reader) (*CRL, error) { return readCRL(r, MaxCRLEntries) }

func readCRL(r io.Reader, maxEntries int) (*CRL, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, MaxCRLBytes), 64<<10)
	if begin, _ := in.Peek(len(pemBegin)); string(begin) == pemBegin {
		in = bufio.NewReaderSize(base64.NewDecoder(base64.StdEncoding, &pemLines{in: in}), 64<<10)
	}
	p := crlParser{d: derReader{in: in}, max: maxEntries}
	if err := p.list(); err != nil {
		return nil, fmt.Errorf("the CRL cannot be read, at octet %d: %w", p.d.at, err)
	}
	slices.SortFunc(p.crl.entries, compareEntries)
	return &p.crl, nil
}

const pemBegin = "-----BEGIN "

// pemLines is the base 64 of the first block of PEM.
type pemLines struct {
	in   *bufio.Reader
	line []byte
	body bool // behind the first line
	end  bool
}

// Read implements io.Reader.
func (p *pemLines) Read(b []byte) (int, error) {
	for len(p.line) == 0 {
		line, err := p.in.ReadSlice('\n')
		line = bytes.TrimSpace(line)
		switch {
		case p.end || bytes.HasPrefix(line, []byte("-----")) && p.body:
			p.end = true
			return 0, io.EOF
		case bytes.HasPrefix(line, []byte("-----")):
			p.body = true
		default:
			p.line = append(p.line[:0], line...)
		}
		if err != nil && len(p.line) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(b, p.line)
	p.line = p.line[n:]
	return n, nil
}

type crlParser struct {
	d   derReader
	crl CRL
	max int
	buf []byte
}

func (p *crlParser) list() error {
	outer, err := p.d.header()
	if err != nil || outer.tag != tagSequence {
		return errDER
	}
	p.d.keep = true
	tbs, err := p.d.expect(tagSequence, outer)
	if err != nil {
		return err
	}
	if err := p.signed(tbs); err != nil {
		return err
	}
	if p.d.at != tbs.end {
		return errDER
	}
	p.crl.digest = p.d.digest.Sum(nil)
	p.d.digest = nil
	if err := p.trailer(outer); err != nil {
		return err
	}
	if _, err := p.d.in.ReadByte(); err != io.EOF || p.d.at != outer.end {
		return errDER
	}
	return nil
}

// trailer reads the algorithm once more, and the signature.
func (p *crlParser) trailer(outer element) error {
	algorithm, err := p.algorithm(outer)
	if err != nil || algorithm != p.crl.algorithm {
		return errDER
	}
	e, err := p.d.expect(tagBitString, outer)
	if err != nil {
		return err
	}
	b, err := p.d.body(e, nil, maxPart)
	if err != nil || len(b) < 2 || b[0] != 0 {
		return errDER
	}
	p.crl.signature = b[1:]
	return nil
}

func (p *crlParser) signed(tbs element) error {
	if p.d.peek(tbs) == tagInteger {
		e, err := p.d.header()
		if err != nil {
			return err
		}
		if _, err := p.d.body(e, nil, 1); err != nil {
			return err
		}
	}
	algorithm, err := p.algorithm(tbs)
	if err != nil {
		return err
	}
	p.crl.algorithm = algorithm
	for _, a := range crlAlgorithms {
		if a.algorithm == algorithm {
			p.crl.hash, p.d.digest = a.hash, a.make()
		}
	}
	p.d.digest.Write(p.d.kept)
	p.d.keep, p.d.kept = false, nil
	if err := p.issuer(tbs); err != nil {
		return err
	}
	if err := p.dates(tbs); err != nil {
		return err
	}
	if p.d.peek(tbs) == tagSequence {
		if err := p.revoked(tbs); err != nil {
			return err
		}
	}
	if p.d.peek(tbs) == 0xa0 {
		return p.extensions(tbs)
	}
	return nil
}

func (p *crlParser) algorithm(outer element) (x509.SignatureAlgorithm, error) {
	e, err := p.d.expect(tagSequence, outer)
	if err != nil {
		return 0, err
	}
	b, err := p.d.body(e, nil, 256)
	if err != nil {
		return 0, err
	}
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(b, &oid); err != nil {
		return 0, errDER
	}
	for _, a := range crlAlgorithms {
		if a.oid.Equal(oid) {
			return a.algorithm, nil
		}
	}
	return 0, fmt.Errorf("the signature algorithm %s is not supported", oid)
}

func (p *crlParser) issuer(tbs element) error {
	start := p.d.at
	p.d.keep = true
	e, err := p.d.expect(tagSequence, tbs)
	if err != nil {
		return err
	}
	if _, err := p.d.body(e, nil, maxPart); err != nil {
		return err
	}
	p.crl.Issuer = bytes.Clone(p.d.kept[:p.d.at-start])
	p.d.keep, p.d.kept = false, nil
	return nil
}

func (p *crlParser) dates(tbs element) error {
	for i, into := range []*time.Time{&p.crl.ThisUpdate, &p.crl.NextUpdate} {
		if tag := p.d.peek(tbs); i == 1 && tag != tagUTCTime && tag != tagTime {
			return nil
		}
		e, err := p.d.header()
		if err != nil || e.end > tbs.end {
			return errDER
		}
		b, err := p.d.body(e, p.buf, 32)
		if err != nil {
			return err
		}
		if *into, err = parseTime(e.tag, b); err != nil {
			return err
		}
	}
	return nil
}

func (p *crlParser) revoked(tbs element) error {
	list, err := p.d.expect(tagSequence, tbs)
	if err != nil {
		return err
	}
	p.buf = make([]byte, 0, 256)
	for p.d.at < list.end {
		if len(p.crl.entries) == p.max {
			return fmt.Errorf("more than %d entries: %w", p.max, errTooLong)
		}
		if err := p.entry(list); err != nil {
			return err
		}
	}
	return nil
}

func (p *crlParser) entry(list element) error {
	e, err := p.d.expect(tagSequence, list)
	if err != nil {
		return err
	}
	body, err := p.d.body(e, p.buf, maxPart)
	if err != nil {
		return err
	}
	in := cryptobyte.String(body)
	var number, date, extensions cryptobyte.String
	var tag casn1.Tag
	if !in.ReadASN1(&number, casn1.INTEGER) || !in.ReadAnyASN1(&date, &tag) {
		return errDER
	}
	var x crlEntry
	switch {
	case len(number) == 0 || number[0] >= 0x80: // negative: no certificate that is read here has such
		return errDER
	case number[0] == 0:
		number = number[1:]
	}
	if len(number) > maxSerial {
		return errDER
	}
	copy(x.serial[maxSerial-len(number):], number)
	t, err := parseTime(byte(tag), date)
	if err != nil {
		return err
	}
	x.at = uint32(min(max(t.Unix(), 0), math.MaxUint32))
	if !in.Empty() {
		if !in.ReadASN1(&extensions, casn1.SEQUENCE) || !in.Empty() || !p.entryExtensions(extensions, &x.reason) {
			return errDER
		}
	}
	p.crl.entries = append(p.crl.entries, x)
	return nil
}

var (
	oidReason              = []byte{0x55, 0x1d, 21} // in DER: a million entries have it
	oidCertificateIssuer   = []byte{0x55, 0x1d, 29}
	oidCRLNumber           = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidAuthorityKey        = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidIssuingDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// entryExtensions looks for the reason. What else there is does not make the
// certificate good, but a certificateIssuer makes it another CA's.
func (p *crlParser) entryExtensions(list cryptobyte.String, reason *uint8) bool {
	for !list.Empty() {
		var x, oid, value cryptobyte.String
		if !list.ReadASN1(&x, casn1.SEQUENCE) || !x.ReadASN1(&oid, casn1.OBJECT_IDENTIFIER) ||
			!x.SkipOptionalASN1(casn1.BOOLEAN) || !x.ReadASN1(&value, casn1.OCTET_STRING) || !x.Empty() {
			return false
		}
		switch {
		case bytes.Equal(oid, oidReason) && len(value) == 3 && value[0] == tagEnumerated && value[1] == 1:
			*reason = value[2]
		case bytes.Equal(oid, oidCertificateIssuer):
			p.crl.critical = "2.5.29.29" // an indirect list
		}
	}
	return true
}

func (p *crlParser) extensionList(outer element) ([]pkix.Extension, error) {
	start := p.d.at
	p.d.keep, p.d.kept = true, p.d.kept[:0]
	defer func() { p.d.keep = false }()
	e, err := p.d.expect(tagSequence, outer)
	if err != nil {
		return nil, err
	}
	if _, err := p.d.body(e, p.buf, maxPart); err != nil {
		return nil, err
	}
	var list []pkix.Extension
	if rest, err := asn1.Unmarshal(p.d.kept[:p.d.at-start], &list); err != nil || len(rest) > 0 {
		return nil, errDER
	}
	return list, nil
}

func (p *crlParser) extensions(tbs element) error {
	outer, err := p.d.expect(0xa0, tbs)
	if err != nil {
		return err
	}
	list, err := p.extensionList(outer)
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := p.extension(x); err != nil {
			return err
		}
	}
	return nil
}

func (p *crlParser) extension(x pkix.Extension) error {
	switch {
	case x.Id.Equal(oidCRLNumber):
		p.crl.Number = new(big.Int)
		if _, err := asn1.Unmarshal(x.Value, &p.crl.Number); err != nil {
			return errDER
		}
	case x.Id.Equal(oidAuthorityKey):
		var key struct {
			ID []byte `asn1:"optional,tag:0"`
		}
		if _, err := asn1.Unmarshal(x.Value, &key); err != nil {
			return errDER
		}
		p.crl.authorityKey = key.ID
	case x.Id.Equal(oidIssuingDistribution):
		return p.distribution(x)
	case x.Critical: // a delta list among them
		p.crl.critical = x.Id.String()
	}
	return nil
}

// distribution takes lists of user or of CA certificates. One of some reasons
// only, or of other CAs' certificates, is no answer alone.
func (p *crlParser) distribution(x pkix.Extension) error {
	var point struct {
		Name       asn1.RawValue  `asn1:"optional,tag:0"`
		Users      bool           `asn1:"optional,tag:1"`
		CAs        bool           `asn1:"optional,tag:2"`
		Reasons    asn1.BitString `asn1:"optional,tag:3"`
		Indirect   bool           `asn1:"optional,tag:4"`
		Attributes bool           `asn1:"optional,tag:5"`
	}
	if _, err := asn1.Unmarshal(x.Value, &point); err != nil {
		return errDER
	}
	switch {
	case point.Indirect || point.Attributes || point.Reasons.BitLength > 0 || point.Users && point.CAs:
		p.crl.critical = x.Id.String()
	case point.Users:
		p.crl.scope = scopeUsers
	case point.CAs:
		p.crl.scope = scopeCAs
	}
	return nil
}
