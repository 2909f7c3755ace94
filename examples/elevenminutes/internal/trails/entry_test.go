package trails

import "testing"

// Few logs are so long that a test could write them.
func TestABundleIsCalledAsTheFormatHasIt(t *testing.T) {
	t.Parallel()
	for number, want := range map[uint64]string{
		0: "tile/entries/000", 67: "tile/entries/067", 999: "tile/entries/999", 1000: "tile/entries/x001/000",
		1_234_067: "tile/entries/x001/x234/067",
	} {
		if got := bundlePath(number); got != want {
			t.Errorf("bundle %d is %s, want %s", number, got, want)
		}
	}
}
