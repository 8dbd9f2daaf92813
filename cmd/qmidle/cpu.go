package main

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// cpuFeatures names the instructions of this CPU that Go's ciphers and hashes
// use.
func cpuFeatures() []string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return features(nil)
	}
	defer f.Close()
	return features(f)
}

func features(cpuinfo io.Reader) []string {
	var names []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"AES-NI", cpu.X86.HasAES},
		{"PCLMULQDQ", cpu.X86.HasPCLMULQDQ}, // GCM
		{"SHA-NI", shaNI(cpuinfo)},
		{"AES", cpu.ARM64.HasAES},
		{"PMULL", cpu.ARM64.HasPMULL}, // GCM
		{"SHA1", cpu.ARM64.HasSHA1},
		{"SHA2", cpu.ARM64.HasSHA2},
		{"SHA512", cpu.ARM64.HasSHA512},
	} {
		if f.has {
			names = append(names, f.name)
		}
	}
	return names
}

// shaNI asks the kernel: package cpu does not know it.
func shaNI(cpuinfo io.Reader) bool {
	if cpuinfo == nil {
		return false
	}
	lines := bufio.NewScanner(cpuinfo)
	for lines.Scan() {
		if name, flags, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == "flags" {
			return slices.Contains(strings.Fields(flags), "sha_ni")
		}
	}
	return false
}
