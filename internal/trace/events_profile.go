package trace

// ProfileRequested is the ISAKMP profile that a connection names: a main mode
// begins under it.
type ProfileRequested struct{ Name string }

// ProfileKeyFound is the search of a profile's keyrings for the key that has
// proven the peer. Keyring is where it is, "" for the keys of no keyring.
type ProfileKeyFound struct {
	Keyring string
	Found   bool
}

// ProfileRefused is an initiator's end of an exchange: the peer's identity is
// none of those that the requested profile matches.
type ProfileRefused struct{ Requested string }

func (*ProfileRequested) Code() Code { return CodeProfileRequested }
func (*ProfileKeyFound) Code() Code  { return CodeProfileKeyFound }
func (*ProfileRefused) Code() Code   { return CodeProfileRefused }

func (e *ProfileRequested) Fields(f *Fields) { f.Str("name", &e.Name) }
func (e *ProfileKeyFound) Fields(f *Fields) {
	f.Str("keyring", &e.Keyring)
	f.Bool("found", &e.Found)
}
func (e *ProfileRefused) Fields(f *Fields) { f.Str("requested", &e.Requested) }

// writeProfile prints what becomes of ISAKMP profiles. It is false for an event
// of another kind. That the key is not found is recalled, not seen in a source;
// IOS's words for an identity that the requested profile does not match are not
// known, so those are this project's.
func (w *iosWriter) writeProfile(event Event) bool {
	switch e := event.(type) {
	case *ProfileRequested:
		w.packet("SA request profile is %s", printable([]byte(e.Name)))
	case *ProfilesScanned:
		w.module("ISAKMP : Scanning profiles for xauth ...%s", before(" ", e.Profiles))
	case *ProfileMatched:
		if e.Name == "" {
			w.sa(": peer matches *none* of the profiles")
			return true
		}
		w.sa(": peer matches %s profile", printable([]byte(e.Name)))
	case *ProfileKeyFound:
		if e.Found {
			w.sa("Found ADDRESS key in keyring %s", keyringWord(e.Keyring))
			return true
		}
		w.sa("Key not found in keyrings of profile , aborting exchange")
	case *ProfileRefused:
		w.sa("peer's identity does not match profile %s, aborting exchange", printable([]byte(e.Requested)))
	default:
		return false
	}
	return true
}

// keyringWord is IOS's name of a keyring.
func keyringWord(name string) string {
	if name == "" {
		return "default"
	}
	return printable([]byte(name))
}

// before is text behind something that separates it from what precedes; ""
// stays "".
func before(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + printable([]byte(text))
}
