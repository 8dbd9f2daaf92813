// Package readme runs the commands of the project's README and compares what
// they print with what it shows.
package readme
