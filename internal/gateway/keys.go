package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// WriteKeys implements console.KeyWriter. The keys never pass the control
// socket, the log or the flight recorder.
func (v *view) WriteKeys(file string) (n int, err error) {
	if !filepath.IsAbs(file) {
		return 0, errors.New("the file needs its whole path, as /run/qmidle/keys")
	}
	var table bytes.Buffer
	for _, k := range v.Router.EncryptionKeys() {
		fmt.Fprintf(&table, "%s,%x\n", k.Initiator, k.Key.Reveal())
		n++
	}
	if n == 0 {
		return 0, nil
	}
	err = v.Aside(func() error { return writeNew(file, table.Bytes()) })
	clear(table.Bytes())
	if err != nil {
		return 0, err
	}
	v.g.say("the encryption keys of %d ISAKMP SAs were written to %s by command", n, file)
	return n, nil
}

// writeNew makes a file that its owner alone can read. It follows no link, and
// takes no file that is there.
func writeNew(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return errors.New(plainly(err))
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(file)
		return errors.New(plainly(err))
	}
	return nil
}
