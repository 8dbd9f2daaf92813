package gateway

import (
	"qmidle/internal/ike"
	"qmidle/internal/router"
)

// ConnectEasyVPN implements console.EasyVPN.
func (v *view) ConnectEasyVPN(name string) bool {
	out, ok := v.Router.ConnectClient(v.now, name)
	v.g.carry(out)
	return ok
}

// AnswerEasyVPN implements console.EasyVPN.
func (v *view) AnswerEasyVPN(name string, c ike.Credentials) bool {
	out, ok := v.Router.AnswerClient(v.now, name, c)
	v.g.carry(out)
	return ok
}

// ClearEasyVPN implements console.EasyVPN.
func (v *view) ClearEasyVPN(name string) int { return v.clear(v.Router.ClearClients(v.now, name)) }

var _ router.ClientPlane = (*adapter)(nil)
