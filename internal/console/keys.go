package console

import (
	"errors"
	"fmt"

	"qmidle/internal/config"
)

// KeyWriter is what a Router may have besides: that it can write the keys of its
// ISAKMP SAs to a file.
type KeyWriter interface {
	// WriteKeys writes the encryption keys of phase 1 to a new file that its owner
	// alone can read, as Wireshark's ikev1_decryption_table, and returns how many
	// there are.
	WriteKeys(file string) (n int, err error)
}

// copyKeysNodes follow copy isakmp-keys. The word at the end is asked for so that
// nobody gives keys away by completing a line.
var copyKeysNodes = []*node{
	{Kind: config.Word, Text: "FILE", Arg: "file", Help: "A new file, with its whole path", Do: do(refuseKeys), Next: []*node{
		{Text: "reveal", Help: "Yes, write the keys", Do: do(copyKeys)},
	}},
}

const keysGiveAway = "whoever has it and a capture of the same time can read what these ISAKMP SAs negotiate:\nidentities, networks, and users' names and passwords, but not the traffic"

func refuseKeys(_ Router, a config.Args) (View, error) {
	return nil, fmt.Errorf("this writes keys: %s.\nType `copy isakmp-keys %s reveal` if that is meant", keysGiveAway, a.Text("file"))
}

// KeysWritten is copy isakmp-keys.
type KeysWritten struct {
	File string `json:"file"`
	Keys int    `json:"keys"`
}

// Text says what the file gives away.
func (k KeysWritten) Text() string {
	if k.Keys == 0 {
		return "% There is no ISAKMP SA with keys: nothing was written.\n"
	}
	return fmt.Sprintf("Wrote the encryption keys of %d ISAKMP SAs to %s:\n%s.\nRemove the file when it has served.\n", k.Keys, k.File, keysGiveAway)
}

func copyKeys(r Router, a config.Args) (View, error) {
	w, ok := r.(KeyWriter)
	if !ok {
		return nil, errors.New("this router has no files")
	}
	file := a.Text("file")
	n, err := w.WriteKeys(file)
	if err != nil {
		return nil, fmt.Errorf("the keys were not written: %w", err)
	}
	return KeysWritten{file, n}, nil
}
