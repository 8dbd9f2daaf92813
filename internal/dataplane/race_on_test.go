//go:build race

package dataplane

// raceDetector says that the tests run with it. A sync.Pool then forgets at random.
const raceDetector = true
