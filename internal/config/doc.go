// Package config reads and writes the gateway's configuration, which is Cisco
// IOS syntax: lexer, command tree, typed model, validation with file, line and
// caret, and the text of show running-config.
//
// It must not know the IKE engine, the data plane or the operating system: the
// caller gives it a name and bytes, and turns the model into what the core
// takes. It opens no file, resolves no name and looks at no interface.
//
// The algorithm and group numbers are those of RFC 2407, RFC 2409, RFC 3526,
// RFC 3602, RFC 4106, RFC 4868, RFC 5114 and RFC 5903; the syntax and its
// defaults are those of IOS 12.4T and 15.x.
package config
