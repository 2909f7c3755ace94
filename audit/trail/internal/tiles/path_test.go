package tiles_test

import (
	"math"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

func TestPathsFollowTheSpecification(t *testing.T) {
	t.Parallel()
	tests := []struct {
		level int
		n     uint64
		width int
		want  string
	}{
		{0, 0, 256, "tile/0/000"},
		{0, 0, 1, "tile/0/000.p/1"},
		{0, 999, 255, "tile/0/999.p/255"},
		{1, 1000, 256, "tile/1/x001/000"},
		{0, 1234067, 12, "tile/0/x001/x234/067.p/12"},
		{63, 5, 256, "tile/63/005"},
		{2, 1_000_000, 256, "tile/2/x001/x000/000"},
		{0, math.MaxUint64, 256, "tile/0/x018/x446/x744/x073/x709/x551/615"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			if got := tiles.HashPath(tt.level, tt.n, tt.width); got != tt.want {
				t.Errorf("HashPath(%d, %d, %d) = %s, want %s", tt.level, tt.n, tt.width, got, tt.want)
			}
			if tt.level != 0 {
				return
			}
			want := strings.Replace(tt.want, "tile/0/", "tile/entries/", 1)
			if got := tiles.EntriesPath(tt.n, tt.width); got != want {
				t.Errorf("EntriesPath(%d, %d) = %s, want %s", tt.n, tt.width, got, want)
			}
		})
	}
}

func TestPathsAreThoseOfTlogWithoutTheHeight(t *testing.T) {
	t.Parallel()
	for n := int64(1); n < math.MaxInt64/3; n = n*3 + 1 {
		for _, width := range []int{1, 9, 10, 99, 100, 255, 256} {
			want := strings.Replace(tlog.Tile{H: tiles.Height, L: 3, N: n, W: width}.Path(), "tile/8/", "tile/", 1)
			if got := tiles.HashPath(3, uint64(n), width); got != want {
				t.Fatalf("HashPath(3, %d, %d) = %s, want %s", n, width, got, want)
			}
		}
	}
}

func TestNoPathOutsideTheLayout(t *testing.T) {
	t.Parallel()
	tests := map[string]func(){
		"level below 0":             func() { tiles.HashPath(-1, 0, 1) },
		"level above 63":            func() { tiles.HashPath(64, 0, 1) },
		"tile of no hashes":         func() { tiles.HashPath(0, 0, 0) },
		"tile of too many hashes":   func() { tiles.HashPath(0, 0, 257) },
		"bundle of no entries":      func() { tiles.EntriesPath(0, 0) },
		"bundle of too many":        func() { tiles.EntriesPath(0, 257) },
		"width is less than nought": func() { tiles.EntriesPath(0, -1) },
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantPanic(t, call)
		})
	}
}

func wantPanic(t *testing.T, call func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("the call returned, want a panic")
		}
	}()
	call()
}
