//go:build !amd64

package ipsec

// hasAES says that none of what follows is there for this processor.
func hasAES() bool { return false }

type aesDecrypter struct{}

func newAESDecrypter([]byte) *aesDecrypter { return nil }

func (*aesDecrypter) clear() {}

func (*aesDecrypter) decrypt(dst, src, iv []byte) {}

type aesAbreast struct{}

func newAESAbreast([]byte) *aesAbreast { return nil }

func (*aesAbreast) clear() {}

func (*aesAbreast) encrypt([][]byte) {}
