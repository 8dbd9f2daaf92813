package gateway

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"qmidle/internal/config"
)

// certificateFile is the name of the journal in the directory of keys.
const certificateFile = "certificates.pem"

// journal keeps, beside the keys, the certificates that came since the
// configuration was saved: a renewal that nobody watches is not lost by a
// restart. `write memory` empties it.
type journal struct {
	file string // "" keeps nothing

	mu      sync.Mutex
	chains  map[string]journalEntry // by trustpoint
	version uint64
	writing sync.Mutex
}

// journalEntry is a chain, and the journal's version that it came with.
type journalEntry struct {
	chain   config.CertificateChain
	version uint64
}

// openJournal reads what is kept. What cannot be read is an error for the
// operator, and is not overwritten before something new comes.
func openJournal(dir string) (*journal, error) {
	j := &journal{chains: map[string]journalEntry{}}
	if dir == "" {
		return j, nil
	}
	j.file = filepath.Join(dir, certificateFile)
	text, err := os.ReadFile(j.file)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return j, &OperatorError{Message: "the certificates in " + j.file + " cannot be read: " + plainly(err)}
	}
	for _, x := range parseJournal(text) {
		j.chains[x.Name] = journalEntry{chain: x}
	}
	return j, nil
}

const maxJournal = 16 << 20

func parseJournal(text []byte) []config.CertificateChain {
	all := []config.CertificateChain{}
	for rest := text[:min(len(text), maxJournal)]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		kind, ok := config.CertificateKindOf(block.Headers["Kind"])
		name := block.Headers["Trustpoint"]
		if block.Type != "CERTIFICATE" || !ok || name == "" {
			continue
		}
		i := slices.IndexFunc(all, func(x config.CertificateChain) bool { return x.Name == name })
		if i < 0 {
			i = len(all)
			all = append(all, config.CertificateChain{Name: name})
		}
		all[i].Put(config.StoredCertificate{Kind: kind, Serial: block.Headers["Serial"], DER: block.Bytes})
	}
}

// kept are the chains by name.
func (j *journal) kept() []config.CertificateChain {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []config.CertificateChain
	for _, e := range j.chains {
		all = append(all, e.chain)
	}
	slices.SortFunc(all, func(a, b config.CertificateChain) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return all
}

// put notes a chain; write keeps it.
func (j *journal) put(x config.CertificateChain) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.version++
	x.Certificates = slices.Clone(x.Certificates)
	j.chains[x.Name] = journalEntry{x, j.version}
}

// mark is the version that saved takes.
func (j *journal) mark() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.version
}

// saved forgets what was noted up to a version: the configuration has it.
func (j *journal) saved(version uint64) error {
	j.mu.Lock()
	before := len(j.chains)
	for name, e := range j.chains {
		if e.version <= version {
			delete(j.chains, name)
		}
	}
	changed := len(j.chains) != before
	j.mu.Unlock()
	if !changed {
		return nil
	}
	return j.write()
}

// write replaces the file in one step. It may wait for the disk.
func (j *journal) write() error {
	if j.file == "" {
		return nil
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	chains := j.kept()
	if len(chains) == 0 {
		if err := os.Remove(j.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.New(plainly(err))
		}
		return nil
	}
	var text bytes.Buffer
	for _, x := range chains {
		for _, c := range x.Certificates {
			block := &pem.Block{Type: "CERTIFICATE", Bytes: c.DER, Headers: map[string]string{"Trustpoint": x.Name, "Kind": c.Kind.String(), "Serial": c.Serial}}
			if err := pem.Encode(&text, block); err != nil {
				return errors.New("a trustpoint's name cannot be written")
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(j.file), 0o700); err != nil {
		return errors.New(plainly(err))
	}
	return replaceFile(j.file, text.Bytes())
}
