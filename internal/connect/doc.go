// Package connect is one VPN client in the foreground: it makes a configuration of
// a profile of vpnc's or Cisco's client, runs a gateway with it, asks the user for
// what the profile lacks, and says how it goes.
//
// It must not know IKE's messages nor the kernel: the gateway brings the tunnel up,
// and restores the host at the end. Guard is the process that outlives it, for a
// host that is not left as it is after a crash.
package connect
