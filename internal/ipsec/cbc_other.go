//go:build !amd64

package ipsec

// newAESDecrypter returns nil: there is none for this processor.
func newAESDecrypter([]byte) cbcMode { return nil }
