package ipsec

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"io"
	"sync/atomic"
)

// common is what SAs share: the key of their IVs, and memory that a packet needs while
// it is sealed or opened. Its slots are taken without waiting, and those whose work is
// done by different goroutines usually begin at different ones.
type common struct {
	ivKey  [16]byte
	hasKey bool // the writers'
	slots  []slot
	first  [1]slot // of slots where an SA is alone
}

const slotCount = 64 // more than goroutines do ESP at the same time

// slot fills a line of the processor's cache.
type slot struct {
	scratch atomic.Pointer[scratch]
	_       [56]byte
}

// scratch is memory for one packet at a time, which outlives it so that nothing is
// allocated for the next. Once it was given back nothing of a key is in it, but that of
// IVs.
type scratch struct {
	hashes [hashCount]*resumable
	used   *resumable // of hashes, since it was taken
	sum    [64]byte
	iv     cipher.Block // nil before the first
	block  [2][aes.BlockSize]byte
}

// commonOfOne is for an SA outside of a Processor.
func commonOfOne() *common {
	c := new(common)
	c.slots = c.first[:]
	return c
}

func newCommon() *common { return &common{slots: make([]slot, slotCount)} }

// take returns a scratch for give to take back. at is where to look first.
func (c *common) take(at uint32) *scratch {
	for i := range uint32(len(c.slots)) {
		if s := c.slots[(at+i)%uint32(len(c.slots))].scratch.Swap(nil); s != nil {
			return s
		}
	}
	return new(scratch)
}

func (c *common) give(at uint32, s *scratch) {
	if s.used != nil {
		s.used.forget()
		s.used = nil
	}
	for i := range uint32(len(c.slots)) {
		if c.slots[(at+i)%uint32(len(c.slots))].scratch.CompareAndSwap(nil, s) {
			return
		}
	}
}

// hash is one for a packet's key; all of a scratch's have one kind until it is given
// back.
func (s *scratch) hash(kind hashKind) *resumable {
	if s.hashes[kind] == nil {
		s.hashes[kind] = newResumable(kind)
	}
	s.used = s.hashes[kind]
	return s.used
}

// drawKey draws the key of the IVs, once.
func (c *common) drawKey(random io.Reader) error {
	if c.hasKey {
		return nil
	}
	_, err := io.ReadFull(random, c.ivKey[:])
	c.hasKey = err == nil
	return err
}

// fillIV writes the IV of the packet with a sequence number, of at most 16 octets:
// what tells the packet from all others under the key, encrypted (the first method of
// SP 800-38A appendix C). It cannot be foreseen, and needs neither randomness nor
// memory for each packet.
func (s *scratch) fillIV(c *common, iv []byte, serial uint64, seq uint32) {
	if s.iv == nil {
		s.iv, _ = aes.NewCipher(c.ivKey[:]) // the only error is a key of another length
	}
	in, out := &s.block[0], &s.block[1]
	binary.BigEndian.PutUint64(in[:], serial)
	binary.BigEndian.PutUint64(in[8:], uint64(seq))
	s.iv.Encrypt(out[:], in[:])
	copy(iv, out[:])
}
