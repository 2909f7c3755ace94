package trail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

func TestADamageErrorNamesFileEntryAndRemedy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  *trail.DamageError
		want string
	}{
		{
			&trail.DamageError{File: "tile/entries/001", Index: 300, Problem: "is no record"},
			"trail: tile/entries/001: entry 300 is no record; keep this directory as evidence and restore the file from a copy",
		},
		{
			&trail.DamageError{File: "tile/0/001", Index: 256, Problem: "can't be verified", Err: errors.New("file is missing")},
			"trail: tile/0/001: entry 256 can't be verified: file is missing; keep this directory as evidence and restore the file from a copy",
		},
		{
			&trail.DamageError{File: "checkpoint", Index: 3, Problem: "is missing", Err: trail.ErrRolledBack},
			"trail: checkpoint: entry 3 is missing: log has fewer entries than its trusted head; keep this directory as evidence and restore its newest copy",
		},
		{
			&trail.DamageError{File: "checkpoint", Problem: "is another one", Err: trail.ErrRewritten},
			"trail: checkpoint: entry 0 is another one: log is not the one that its trusted head covers; keep this directory as evidence and compare it with a copy from before",
		},
		{
			&trail.DamageError{File: "checkpoint", Problem: "can't be trusted", Err: fmt.Errorf("opening: %w", trail.ErrNoHead)},
			"trail: checkpoint: entry 0 can't be trusted: opening: log has entries and no trusted head; restore the trusted head from where it was kept",
		},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error() = %q, want %q", got, tt.want)
		}
		if !errors.Is(tt.err, audit.ErrCorrupt) || !errors.Is(tt.err, tt.err.Err) && tt.err.Err != nil {
			t.Errorf("%v wraps not both ErrCorrupt and %v", tt.err, tt.err.Err)
		}
	}
}

func TestNothingThatVerifyFindsIsSaidTwiceOrWithoutAPlace(t *testing.T) {
	t.Parallel()
	key, files := smallLog(t, 300)
	for path := range files {
		for _, data := range [][]byte{nil, {}, make([]byte, 8192), files["tile/entries/000"].Data} {
			err := verify(t, key, with(files, path, data), trail.VerifyOptions{})
			if err == nil {
				continue // the same bytes
			}
			text := err.Error()
			if !strings.HasPrefix(text, "trail: "+path+": entry ") || strings.Count(text, "trail:") != 1 || strings.Contains(text, "tiles:") {
				t.Errorf("the error reads %q", text)
			}
		}
	}
}
