package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// mostNote is the longest checkpoint that a header takes.
const mostNote = 1992

func TestAHeaderComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]wal.Header{
		"of an empty log":           {Epoch: 1},
		"of a log":                  {Epoch: 7, Sequence: 0, Start: 12, Base: 12, Note: []byte("signed\n")},
		"second of its epoch":       {Epoch: 7, Sequence: 1, Start: 12, Base: 3, Note: []byte("signed\n")},
		"with the longest note":     {Epoch: 2, Start: 1, Note: bytes.Repeat([]byte{'x'}, mostNote)},
		"with the greatest numbers": {Epoch: math.MaxUint64, Sequence: math.MaxUint64, Start: math.MaxInt64, Base: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{0, wal.HeaderSize, 3 * wal.HeaderSize} {
				got, err := wal.ReadHeader(preallocated(t, size, h))
				if diff := cmp.Diff(h, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Errorf("in a file of %d bytes: %v\n%s", size, err, diff)
				}
			}
		})
	}
}

func TestACheckpointThatIsTooLongForAHeaderIsRefused(t *testing.T) {
	t.Parallel()
	m := &memory{}
	err := wal.WriteHeader(m, wal.Header{Note: make([]byte, mostNote+1)})
	if err == nil || !strings.Contains(err.Error(), "1993 bytes") || len(m.content) > 0 {
		t.Errorf("%v; %d bytes were written", err, len(m.content))
	}
}

func TestTheNewestHeaderCounts(t *testing.T) {
	t.Parallel()
	header := func(epoch, sequence uint64) wal.Header { return wal.Header{Epoch: epoch, Sequence: sequence} }
	for name, test := range map[string]struct{ first, second, want wal.Header }{
		"of one epoch that with the higher sequence": {header(3, 0), header(3, 1), header(3, 1)},
		"whatever its slot":                          {header(3, 1), header(3, 2), header(3, 2)},
		"whatever comes first in the file":           {header(3, 2), header(3, 1), header(3, 2)},
		"of two epochs the higher one":               {header(3, 1), header(4, 0), header(4, 0)},
		"whatever their sequences":                   {header(5, 0), header(4, 9), header(5, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := preallocated(t, wal.HeaderSize, test.first)
			if err := wal.WriteHeader(m, test.second); err != nil {
				t.Fatal(err)
			}
			got, err := wal.ReadHeader(m)
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// TestAHeaderThatWasNotWrittenWholeLeavesTheOneBefore stops the write of the
// second header of an epoch after each of its bytes.
func TestAHeaderThatWasNotWrittenWholeLeavesTheOneBefore(t *testing.T) {
	t.Parallel()
	before := wal.Header{Epoch: 3, Sequence: 0, Start: 9, Base: 5, Note: []byte("signed")}
	after := wal.Header{Epoch: 3, Sequence: 1, Start: 9, Base: 9, Note: []byte("signed")}
	m := preallocated(t, wal.HeaderSize, before)
	whole := preallocated(t, wal.HeaderSize, before)
	if err := wal.WriteHeader(whole, after); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for at := range whole.content {
		if whole.content[at] == m.content[at] {
			continue
		}
		got, err := wal.ReadHeader(m)
		if diff := cmp.Diff(before, got); err != nil || diff != "" {
			t.Fatalf("written up to byte %d: %v\n%s", at, err, diff)
		}
		m.content[at] = whole.content[at]
		changed++
	}
	got, err := wal.ReadHeader(m)
	if diff := cmp.Diff(after, got); err != nil || diff != "" || changed < 30 {
		t.Errorf("written whole, %d bytes: %v\n%s", changed, err, diff)
	}
}

func TestAFlippedByteOfAHeaderIsNoticed(t *testing.T) {
	t.Parallel()
	h := wal.Header{Epoch: 3, Start: 9, Base: 5, Note: []byte("signed")}
	m := preallocated(t, wal.HeaderSize, h)
	length := len(bytes.TrimRight(m.content, "\x00"))
	for at := range length {
		for _, flip := range []byte{1, 0x80, 0xff} {
			flipped := m.clone()
			flipped.content[at] ^= flip
			if got, err := wal.ReadHeader(flipped); !errors.Is(err, wal.ErrHeader) {
				t.Errorf("byte %d: %+v, %v", at, got, err)
			}
		}
	}
}

func TestWhatIsNoHeaderIsRefused(t *testing.T) {
	t.Parallel()
	whole := preallocated(t, wal.HeaderSize, wal.Header{Epoch: 1, Start: 4, Base: 4, Note: []byte("signed")})
	length := len(bytes.TrimRight(whole.content, "\x00"))
	refused := map[string]*memory{
		"zeros":                   {content: make([]byte, wal.HeaderSize)},
		"nothing":                 {},
		"noise":                   {content: bytes.Repeat([]byte("interlock wal 1\n"), wal.HeaderSize/16)},
		"the other slot's":        {content: append(make([]byte, wal.HeaderSize/2), whole.content[:wal.HeaderSize/2]...)},
		"a base after the start":  preallocated(t, wal.HeaderSize, wal.Header{Epoch: 1, Start: 4, Base: 5}),
		"a size that no tree has": preallocated(t, wal.HeaderSize, wal.Header{Epoch: 1, Start: math.MaxInt64 + 1}),
	}
	for n := range length {
		refused[fmt.Sprintf("the first %d bytes", n)] = whole.cut(n)
	}
	for name, m := range refused {
		if got, err := wal.ReadHeader(m); !errors.Is(err, wal.ErrHeader) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := wal.ReadHeader(whole.cut(length)); err != nil {
		t.Errorf("the first %d bytes: %v", length, err)
	}
}

// TestADiskThatFailsIsNotAFileWithoutHeader keeps a disk that can't be read from
// passing for a new log.
func TestADiskThatFailsIsNotAFileWithoutHeader(t *testing.T) {
	t.Parallel()
	for n := range 2 {
		faulty := &disktest.Faulty{Fail: disktest.FailAt(n+1, errFault)} // after the opening
		f, err := faulty.OpenFile(writeFile(t, make([]byte, wal.HeaderSize)), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := wal.ReadHeader(f); !errors.Is(err, errFault) || errors.Is(err, wal.ErrHeader) {
			t.Errorf("read %d failed: %v", n, err)
		}
	}
}

func TestAHeaderThatIsWrittenInPartIsAnError(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{errFault, disktest.Short} {
		faulty := &disktest.Faulty{Fail: func(_ int, op, _ string) error {
			if op == disktest.OpWrite {
				return fault
			}
			return nil
		}}
		f, err := faulty.OpenFile(writeFile(t, nil), readWrite, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want := fault
		if fault == disktest.Short {
			want = io.ErrShortWrite
		}
		if err := wal.WriteHeader(f, wal.Header{Epoch: 1}); !errors.Is(err, want) {
			t.Errorf("a write that fails with %v: %v", fault, err)
		}
	}
}
