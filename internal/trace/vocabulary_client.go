package trace

// Refusal says why AAA gives a client nothing.
type Refusal uint8

// Refusals.
const (
	RefusalNone        Refusal = iota
	RefusalCredentials         // the user or the password
	RefusalSilence             // no server has answered
	RefusalNoList              // the method list does not exist
	RefusalGroup               // there is no such group
	RefusalGroupLock           // the user belongs to another group
	RefusalMaxLogins           // the user is logged in as often as he may be
	RefusalMaxUsers            // the group is full
	RefusalNoPool              // the group has no pool, or it does not exist
	RefusalPoolEmpty           // no address is left
	RefusalNotGiven            // the client sent no name or password
	RefusalInternal
)

var refusalNames = [...]string{"none", "credentials", "no answer", "no such list", "no such group", "group lock", "max-logins",
	"max-users", "no pool", "pool empty", "not given", "internal"}

func (r Refusal) String() string { return name(refusalNames[:], r) }

// Complete says whether phase 1 is over in a state: its keys protect what comes.
func (s State) Complete() bool {
	return s == StateP1Complete || s >= StateXAUTHRequestSent && s <= StateConfigSetSent
}
