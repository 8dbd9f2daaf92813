package trace

import "net/netip"

// LocalAddressChanged is that an interface with a crypto map has another address
// than before, or none: From and To may be invalid.
type LocalAddressChanged struct {
	Interface string
	From, To  netip.Addr
}

// NameResolved is that a peer's name has an address for the first time, or
// others than before. Addresses are in the order of use, with blanks between.
type NameResolved struct {
	Name      string
	Addresses string
}

// NameNotResolved is that no address was found for a peer's name. Unknown says
// that there is none; otherwise no answer came, for a Problem, and addresses that
// were known before stay in use.
type NameNotResolved struct {
	Name         string
	Unknown      bool
	Problem      string
	RetrySeconds uint32 // until the next try, unless traffic asks sooner
}

func (*LocalAddressChanged) Code() Code { return CodeLocalAddressChanged }
func (*NameResolved) Code() Code        { return CodeNameResolved }
func (*NameNotResolved) Code() Code     { return CodeNameNotResolved }

func (e *LocalAddressChanged) Fields(f *Fields) {
	f.Str("interface", &e.Interface)
	f.Addr("from", &e.From)
	f.Addr("to", &e.To)
}
func (e *NameResolved) Fields(f *Fields) {
	f.Str("name", &e.Name)
	f.Str("addresses", &e.Addresses)
}
func (e *NameNotResolved) Fields(f *Fields) {
	f.Str("name", &e.Name)
	f.Bool("unknown", &e.Unknown)
	f.Str("problem", &e.Problem)
	f.U32("retry_seconds", &e.RetrySeconds)
}

// nameResolved and nameNotResolved have words of our own: IOS's are not known.
func (w *iosWriter) nameResolved(e *NameResolved) {
	w.module("ISAKMP: peer %s has the address %s", printable([]byte(e.Name)), printable([]byte(e.Addresses)))
}

func (w *iosWriter) nameNotResolved(e *NameNotResolved) {
	why := printable([]byte(e.Problem))
	if e.Unknown {
		why = "there is no such name"
	}
	w.module("ISAKMP: peer %s was not resolved: %s; next try in %d s", printable([]byte(e.Name)), why, e.RetrySeconds)
}
