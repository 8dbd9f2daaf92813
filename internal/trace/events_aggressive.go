package trace

import "qmidle/internal/isakmp"

// AggressiveModeBegun is the start of aggressive mode as initiator.
type AggressiveModeBegun struct{}

// NamedKeyLookup is the search for the pre-shared key of an identity that the peer
// presents in aggressive mode: a name, or a key ID, which is a group of clients.
// Keyring is where it was found, "" for the keys of no keyring. A name without a key
// has a KeyLookup of the peer's address behind it.
type NamedKeyLookup struct {
	ID      isakmp.IDType
	Name    []byte
	Found   bool
	Keyring string
}

// XAUTHPossible says that users of the peer may log in behind phase 1.
type XAUTHPossible struct{}

func (*AggressiveModeBegun) Code() Code { return CodeAggressiveModeBegun }
func (*NamedKeyLookup) Code() Code      { return CodeNamedKeyLookup }
func (*XAUTHPossible) Code() Code       { return CodeXAUTHPossible }

func (*AggressiveModeBegun) Fields(*Fields) {}
func (e *NamedKeyLookup) Fields(f *Fields) {
	Enum(f, "id_type", &e.ID)
	f.Bytes("name", &e.Name)
	f.Str("keyring", &e.Keyring)
	f.Bool("found", &e.Found)
}
func (*XAUTHPossible) Fields(*Fields) {}

// writeAggressive prints what aggressive mode alone has. It is false for an event of
// another kind. The line of a name without a key was seen, that of one with a key and
// that of a beginning are recalled; IOS's words for an unknown group are not known,
// so those are this project's.
func (w *iosWriter) writeAggressive(event Event) bool {
	switch e := event.(type) {
	case *AggressiveModeBegun:
		w.sa(" beginning Aggressive Mode exchange")
	case *NamedKeyLookup:
		w.namedKeyLookup(e)
	case *XAUTHPossible:
		w.sa(" Authentication by xauth preshared")
	default:
		return false
	}
	return true
}

func (w *iosWriter) namedKeyLookup(e *NamedKeyLookup) {
	name := printable(e.Name)
	switch {
	case e.ID == isakmp.IDKeyID && e.Found:
		w.sa("found pre-shared key of group %s", name)
	case e.ID == isakmp.IDKeyID:
		w.sa("No pre-shared key of group %s!", name)
	case e.Found:
		w.sa("found peer pre-shared key matching %s", name)
	default:
		w.module("ISAKMP: no pre-shared key based on hostname %s!", name)
	}
}
