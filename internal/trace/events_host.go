package trace

import "net/netip"

// LocalAddressChanged is that an interface with a crypto map has another address
// than before, or none: From and To may be invalid.
type LocalAddressChanged struct {
	Interface string
	From, To  netip.Addr
}

func (*LocalAddressChanged) Code() Code { return CodeLocalAddressChanged }

func (e *LocalAddressChanged) Fields(f *Fields) {
	f.Str("interface", &e.Interface)
	f.Addr("from", &e.From)
	f.Addr("to", &e.To)
}
