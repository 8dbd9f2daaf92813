// Package scep is the client's part of SCEP (RFC 8894): its messages, the checks
// of a CA's replies, and the state machine of an enrolment, which polls a CA
// that lets wait. It is given bytes and a time and returns what is to be sent;
// it has no socket, clock or file, and must not know trustpoints.
//
// The messages are CMS (RFC 5652), of which it has as much as SCEP needs. The
// modules that were weighed have no part that could be used as it is: they keep
// the algorithms in variables of the process, so that one trustpoint's weak
// cipher would be another's; they make neither CertPoll nor GetCRL, compare no
// nonce and no transaction, and index an empty list of certificates. They serve
// the tests as the other end instead.
package scep
