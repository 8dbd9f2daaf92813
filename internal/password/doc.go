// Package password keeps users' passwords as Cisco IOS stores them, and checks
// the ones that users give: types 0 (in clear), 5 (MD5), 7 (reversible), 8
// (PBKDF2 with SHA-256, RFC 8018) and 9 (scrypt, RFC 7914).
//
// It must not know who the users are, nor what a password opens. It has no
// I/O: the salt's randomness is the caller's.
package password
