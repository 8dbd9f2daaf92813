package ios

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzIOS(f *testing.F) {
	readtest.Fuzz(f, readtest.Files(f, "../../../explain/testdata/ios-*.log"), Vendor())
}
