package main

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"
)

func TestCPUFeatures(t *testing.T) {
	with := features(strings.NewReader("processor\t: 0\nflags\t\t: fpu aes sha_ni avx2\nbugs\t\t:\n"))
	without := features(strings.NewReader("processor\t: 0\nflags\t\t: fpu aes sha_nix\n"))
	if !slices.Contains(with, "SHA-NI") || slices.Contains(without, "SHA-NI") || slices.Contains(features(nil), "SHA-NI") {
		t.Errorf("%v with sha_ni, %v without", with, without)
	}
	if slices.Contains(with, "AES-NI") != cpu.X86.HasAES {
		t.Errorf("%v, and the CPU has AES-NI: %v", with, cpu.X86.HasAES)
	}
}
