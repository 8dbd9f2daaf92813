package main

import (
	"strings"

	"golang.org/x/term"

	"qmidle/internal/gateway"
)

// screenOf is what a terminal shows; nothing where fd is none.
func screenOf(fd int, getenv func(string) string) gateway.Screen {
	if !term.IsTerminal(fd) {
		return gateway.Screen{}
	}
	s := gateway.Screen{UTF8: utf8Locale(getenv), Color: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
	if width, height, err := term.GetSize(fd); err == nil {
		s.Width, s.Height = width, height
	}
	return s
}

// utf8Locale says whether the locale's characters are UTF-8: the first of the
// variables that is set decides (POSIX, Base Definitions section 8.2).
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := getenv(name); value != "" {
			value = strings.ToLower(strings.ReplaceAll(value, "-", ""))
			return strings.Contains(value, "utf8")
		}
	}
	return false
}
