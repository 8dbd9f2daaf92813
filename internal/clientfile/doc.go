// Package clientfile reads the files in which VPN clients keep how to log in: the
// configuration of vpnc, as its manual page has it, and the .pcf profiles of
// Cisco's VPN Client, as its administrator guide has them. Both may hold the
// group's and the user's password in an obfuscated form, which is no protection:
// whoever has the file can read them (obfuscated.go).
//
// It knows no engine and no gateway, and does no I/O. Passwords are kept in
// secret.Secret, and no error quotes one.
package clientfile
