package asa

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzASA(f *testing.F) {
	readtest.Fuzz(f, readtest.Files(f, "../../../explain/testdata/asa-*.log"), Vendor())
}
