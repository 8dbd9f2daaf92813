// Package router is one gateway without its surroundings: it turns a
// configuration into what the engine and the security policy database need,
// runs the engine, carries its effects to a data plane, keeps the flight
// recorder and renders debug text.
//
// The daemon and the lab both drive it: they own the sockets or the simulated
// network and the clock. It has no goroutine, socket, clock or file; a driver
// calls it from one goroutine at a time, but for what Spread divides among engines.
package router
