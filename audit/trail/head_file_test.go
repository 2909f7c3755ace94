package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// checkpointOf stands for a checkpoint: a head keeps what it is given.
func checkpointOf(n int) []byte { return fmt.Appendf(nil, "example.com/trail\n%d\n", n) }

// savedHead returns a disk with a head that was saved so many times.
func savedHead(t *testing.T, n int) *ramDisk {
	t.Helper()
	d := newRAMDisk()
	h := trail.HeadFileOn(d, ramHead)
	if saved, err := h.Load(t.Context()); saved != nil || err != nil {
		t.Fatalf("before the first Save: %q, %v", saved, err)
	}
	for i := range n {
		if err := h.Save(t.Context(), checkpointOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// loadFrom returns what a head in a file loads.
func loadFrom(t *testing.T, d *ramDisk) ([]byte, error) {
	t.Helper()
	return trail.HeadFileOn(d, ramHead).Load(t.Context())
}

func TestAHeadFileHoldsWhatWasSavedLast(t *testing.T) {
	t.Parallel()
	for n := 1; n < 12; n++ {
		d := savedHead(t, n)
		for again := range 3 {
			saved, err := loadFrom(t, d)
			if want := checkpointOf(n - 1 + again); err != nil || !bytes.Equal(saved, want) {
				t.Errorf("after %d saves: %q, %v, want %q", n, saved, err, want)
			}
			h := trail.HeadFileOn(d, ramHead) // of another process
			if _, err := h.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := h.Save(t.Context(), checkpointOf(n+again)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestADamagedHeadFileHoldsAnEarlierCheckpointOrNone(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 5, 9} {
		d := savedHead(t, n)
		data := d.files[ramHead].data
		check := func(what string, damaged []byte) {
			t.Helper()
			d := d.clone()
			d.put(ramHead, damaged)
			saved, err := loadFrom(t, d)
			if err != nil {
				if saved != nil || !errors.Is(err, audit.ErrCorrupt) || !bytes.Contains([]byte(err.Error()), []byte(ramHead)) {
					t.Errorf("%d saves, %s: %q, %v, want ErrCorrupt and the path", n, what, saved, err)
				}
				return
			}
			for i := range n {
				if bytes.Equal(saved, checkpointOf(i)) {
					return
				}
			}
			t.Errorf("%d saves, %s: %q was never saved", n, what, saved)
		}
		for at := range data {
			flipped := bytes.Clone(data)
			flipped[at] ^= 1 << (at % 8)
			check(fmt.Sprintf("byte %d", at), flipped)
			if at%5 == 0 {
				check(fmt.Sprintf("cut at %d", at), data[:at])
			}
		}
		check("doubled", append(bytes.Clone(data), data...))
		check("empty", []byte{})
	}
}

func TestAHeadFileIsSavedByWhoHasLoadedItAndNeverMadeAgain(t *testing.T) {
	t.Parallel()
	d := savedHead(t, 3)
	if err := trail.HeadFileOn(d, ramHead).Save(t.Context(), checkpointOf(9)); err == nil {
		t.Error("Save without Load succeeded")
	}
	h := trail.HeadFileOn(d, ramHead)
	if _, err := h.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.put(ramHead, nil)
	for range 2 {
		if err := h.Save(t.Context(), checkpointOf(9)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Save to a file that is gone = %v, want fs.ErrNotExist", err)
		}
	}
	if d.files[ramHead] != nil {
		t.Error("the file was made again")
	}

	if saved, err := h.Load(t.Context()); saved != nil || err != nil {
		t.Fatalf("%q, %v", saved, err)
	}
	d.put(ramHead, []byte("somebody else's"))
	if err := h.Save(t.Context(), checkpointOf(9)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the first Save over another file = %v, want fs.ErrExist", err)
	}
	if string(d.files[ramHead].data) != "somebody else's" {
		t.Error("the other file was written to")
	}
}

func TestAHeadFileTakesNothingWhenItsContextIsDoneNorTooMuch(t *testing.T) {
	t.Parallel()
	d := savedHead(t, 3)
	h := trail.HeadFileOn(d, ramHead)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := h.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(ctx, make([]byte, 1024)); err == nil {
		t.Error("a checkpoint that is too long was saved")
	}
	cancel()
	if err := h.Save(ctx, checkpointOf(9)); !errors.Is(err, context.Canceled) {
		t.Errorf("Save = %v, want context.Canceled", err)
	}
	if saved, err := h.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %q, %v, want context.Canceled", saved, err)
	}
	if saved, err := loadFrom(t, d); err != nil || !bytes.Equal(saved, checkpointOf(2)) {
		t.Errorf("it holds %q, %v", saved, err)
	}
}
