package trace

// RADIUSProblem is why a packet of a RADIUS server is not believed.
type RADIUSProblem uint8

// Problems of RADIUS packets.
const (
	RADIUSNoProblem               RADIUSProblem = iota
	RADIUSTooShort                              // shorter than a header
	RADIUSBadLength                             // its length is none, or longer than it is
	RADIUSBadAttribute                          // an attribute runs out of the packet
	RADIUSNoRequest                             // nothing was asked by this number
	RADIUSBadCode                               // it is no answer to what was asked
	RADIUSBadAuthenticator                      // another key, another request, or changed on the way
	RADIUSUnsigned                              // without the Message-Authenticator that is asked for
	RADIUSBadMessageAuthenticator               // with a wrong one
)

var radiusProblemNames = [...]string{"is in order", "is too short", "has a wrong length", "has a broken attribute", "answers nothing that was asked",
	"is no answer", "has a wrong authenticator", "has no Message-Authenticator", "has a wrong Message-Authenticator"}

func (p RADIUSProblem) String() string { return name(radiusProblemNames[:], p) }
