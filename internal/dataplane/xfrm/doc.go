// Package xfrm speaks NETLINK_XFRM with the Linux kernel: states, which are
// SAs, policies, and what the kernel tells of them (linux/xfrm.h). It writes and
// reads messages, and decides nothing: which states and policies there are to
// be is the data plane's.
//
// It knows ESP over IPv4 only. It must not know the crypto map, IKE or the
// console. Keys stay in secret.Secret up to the message for the kernel, and what
// the kernel answers with keys in it is not kept.
package xfrm
