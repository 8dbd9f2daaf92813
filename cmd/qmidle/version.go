package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"qmidle/internal/console"
)

// release is the version, set when a release is built.
var release = "0.1.0-dev"

// versionCommand is `qmidle version`.
func versionCommand(_ []string, stdout, _ io.Writer) int {
	v := versionInfo()
	commit := ""
	if v.Commit != "" {
		commit = " from commit " + v.Commit
	}
	fmt.Fprintf(stdout, "qmidle %s, %s for %s%s\n", v.Version, v.GoVersion, v.Platform, commit)
	return exitOK
}

// built is the time of the commit that the program was built from, or zero.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			at, _ := time.Parse(time.RFC3339, s.Value) // zero where it is none
			return at
		}
	}
	return time.Time{}
}

func versionInfo() console.VersionInfo {
	v := console.VersionInfo{Version: release, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPUFeatures: cpuFeatures()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value[:min(len(s.Value), 12)]
		}
	}
	return v
}
