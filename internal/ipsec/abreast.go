package ipsec

// Abreast is how many packets of one SA are at most encrypted side by side.
const Abreast = 8

// Protect finishes packets of the SA that Processor.Prepare has left Unprotected:
// it encrypts them and writes their IVs and ICVs. There are at most Abreast. On the
// error, a Drop, the SA has ended and none of them may be sent.
func (sa *SA) Protect(packets [][]byte) error {
	sa.acquire()
	defer sa.release()
	// Prepare has set the cipher up, but Rest may have been there since.
	if sa.ended || sa.start() != nil {
		for range packets {
			sa.CountDrop(DropNoSA)
		}
		return DropNoSA
	}
	s := sa.take()
	defer sa.give(s)
	var messages [Abreast][]byte
	for i, esp := range packets {
		messages[i] = sa.message(s, esp)
	}
	sa.work.(*aesAbreast).encrypt(messages[:len(packets)])
	for _, esp := range packets {
		sa.putICV(s, esp)
	}
	return nil
}
