package pki

// ReadCRLBounded reads with another bound.
var ReadCRLBounded = readCRL
