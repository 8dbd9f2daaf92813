package config

import "strings"

// Token is one word of a line.
type Token struct {
	Text string
	Col  int // byte offset in the line, from 0
}

// lex splits a line into words. IOS has no quotes and no escapes.
func lex(line string) []Token {
	var tokens []Token
	start := -1
	for i := 0; i <= len(line); i++ {
		blank := i == len(line) || line[i] == ' ' || line[i] == '\t'
		if blank && start >= 0 {
			tokens = append(tokens, Token{line[start:i], start})
			start = -1
		}
		if !blank && start < 0 {
			start = i
		}
	}
	return tokens
}

// indent is the width of a line's leading blanks.
func indent(line string) int {
	return len(line) - len(strings.TrimLeft(line, " \t"))
}

// comment says whether a line is empty or a `!` comment.
func comment(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '!'
}

// strangeByte returns the offset of the first byte that no configuration line
// has, or -1. Bytes above 127 stand in banners and descriptions, and ETX (^C)
// delimits a banner.
func strangeByte(line string) int {
	const etx = 0x03
	for i := 0; i < len(line); i++ {
		if c := line[i]; c < ' ' && c != '\t' && c != etx || c == 0x7f {
			return i
		}
	}
	return -1
}
