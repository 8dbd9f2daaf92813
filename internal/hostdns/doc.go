// Package hostdns makes a VPN server's name servers those of this host, and takes
// them back: by systemd-resolved where that answers for the host, else by
// resolvconf where it is installed, else in /etc/resolv.conf.
//
// What was there before is kept in a directory, and is written before anything is
// changed: Restore undoes what a process left that was killed. It must not know
// what a VPN is, nor the router.
package hostdns
