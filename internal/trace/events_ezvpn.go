package trace

import "net/netip"

// EasyVPNPending is an Easy VPN client's server that asks for a user whom the
// operator has to name.
type EasyVPNPending struct{ Name string }

// EasyVPNChanged is an Easy VPN client's tunnel that has come up or gone down.
// Assigned is the address from the server, invalid with network extension.
type EasyVPNChanged struct {
	Up          bool
	Name        string // of the client
	User, Group string
	Assigned    netip.Addr
}

func (*EasyVPNPending) Code() Code { return CodeEasyVPNPending }
func (*EasyVPNChanged) Code() Code { return CodeEasyVPNChanged }

func (e *EasyVPNPending) Fields(f *Fields) { f.Str("name", &e.Name) }
func (e *EasyVPNChanged) Fields(f *Fields) {
	f.Bool("up", &e.Up)
	f.Str("name", &e.Name)
	f.Str("user", &e.User)
	f.Str("group", &e.Group)
	f.Addr("assigned", &e.Assigned)
}

// easyVPNPending prints what IOS does, whether or not a debug is on.
func (w *iosWriter) easyVPNPending(e *EasyVPNPending) {
	w.system("EZVPN(%s): Pending XAuth Request, Please enter the following command:", printable([]byte(e.Name)))
	w.system("EZVPN: crypto ipsec client ezvpn xauth")
}

func (w *iosWriter) easyVPNChanged(e *EasyVPNChanged) {
	state, assigned := "DOWN", ""
	if e.Up {
		state = "UP"
	}
	if e.Assigned.IsValid() {
		assigned = "  Assigned_client_addr=" + e.Assigned.String()
	}
	w.system("%%CRYPTO-6-EZVPN_CONNECTION_%s: (Client)  User=%s  Group=%s  Client_public_addr=%s  Server_public_addr=%s%s  ", state,
		printable([]byte(e.User)), printable([]byte(e.Group)), w.local(), w.remote(), assigned)
}
