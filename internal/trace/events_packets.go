package trace

import "net/netip"

// ClearTextReceived is %CRYPTO-4-RECVD_PKT_NOT_IPSEC: a packet came in clear
// that the crypto map of the context's peer wants under IPsec. It was dropped.
type ClearTextReceived struct {
	Src, Dst netip.Addr
	Protocol uint8 // of IP
}

func (*ClearTextReceived) Code() Code { return CodeClearTextReceived }

func (e *ClearTextReceived) Fields(f *Fields) {
	f.Addr("source", &e.Src)
	f.Addr("destination", &e.Dst)
	f.U8("protocol", &e.Protocol)
}

// MessagesLost says how many system messages about dropped datagrams were not
// printed: anybody can cause them, at any rate.
type MessagesLost struct{ Count uint32 }

// Code implements Event.
func (*MessagesLost) Code() Code { return CodeMessagesLost }

// Fields implements Event.
func (e *MessagesLost) Fields(f *Fields) { f.U32("count", &e.Count) }
