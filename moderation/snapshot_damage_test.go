package moderation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/elevenminutes/interlock/audit"
)

func TestSnapshotThatWasCutIsRefused(t *testing.T) {
	t.Parallel()
	text := ssWrite(t, ssHistory(t))
	for n := range text {
		near := n == 0 || text[n-1] == '\n' || text[n] == '\n' || n+1 < len(text) && text[n+1] == '\n'
		if !near && n%31 > 0 {
			continue
		}
		if _, err := ssRead(t, text[:n]); !errors.Is(err, audit.ErrCorrupt) {
			t.Fatalf("the first %d bytes of %d: %v, want ErrCorrupt", n, len(text), err)
		}
	}
}

// Every line that is left out, doubled or moved, and every kind of lie about
// what tickets say, is found.
func TestSnapshotThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	whole := strings.SplitAfter(strings.TrimSuffix(string(ssWrite(t, ssHistory(t))), "\n"), "\n")
	whole[len(whole)-1] += "\n"
	type test struct {
		name string
		text string
		says string
	}
	join := func(lines ...[]string) string { return strings.Join(slices.Concat(lines...), "") }
	var tests []test
	for i := range whole {
		tests = append(tests, test{fmt.Sprintf("line %d is missing", i+1), join(whole[:i], whole[i+1:]), ""})
		tests = append(tests, test{fmt.Sprintf("line %d is there twice", i+1), join(whole[:i+1], whole[i:]), ""})
		use := `{"use":` // which can come in any order
		if i+1 < len(whole) && !(strings.HasPrefix(whole[i], use) && strings.HasPrefix(whole[i+1], use)) {
			tests = append(tests, test{fmt.Sprintf("line %d comes after the next", i+1), join(whole[:i], whole[i+1:i+2], whole[i:i+1], whole[i+2:]), ""})
		}
		tests = append(tests, test{fmt.Sprintf("line %d is followed by an empty one", i+1), join(whole[:i+1], []string{"\n"}, whole[i+1:]), ""})
		tests = append(tests, test{fmt.Sprintf("line %d has a space more", i+1), join(whole[:i], []string{" "}, whole[i:]), ""})
		tests = append(tests, test{fmt.Sprintf("line %d has a field that nobody knows", i+1), join(whole[:i], []string{`{"bypass":true,` + whole[i][1:]}, whole[i+1:]), ""})
	}
	edit := func(name, says string, replace ...string) {
		text := strings.NewReplacer(replace...).Replace(join(whole))
		if text == join(whole) {
			t.Errorf("%s: nothing was replaced", name)
		}
		tests = append(tests, test{name, text, says})
	}
	edit("another text", "does not begin as", `{"snapshot":"interlock moderation state"`, `{"snapshot":"something else"`)
	edit("a short salt", "header", `"salt":"c2l4dGVlbiBieXRlcyAhIQ=="`, `"salt":"c2l4dGVlbiBieXRlcyAh"`)
	edit("a ticket of no revision", "revision 0", `{"id":"waits","revision":2`, `{"id":"waits","revision":0`)
	edit("a key of two tickets", "its key is", `"key":"key-waits"`, `"key":"key-undo"`)
	edit("a ticket of a target that has no line", "there were", `"subject":{"id":"b","tier":"standard","domain":"en","reach":8,"tierSeen":"2017-11-02T18:01:00Z"}`,
		`"subject":{"id":"d","tier":"standard","domain":"en","reach":8,"tierSeen":"2017-11-02T18:01:00Z"}`)
	edit("a target without tickets", "no ticket", `{"target":{"id":"c"`, `{"target":{"id":"d"`)
	edit("a fence that goes back", "at fence 8", `"fence":10,"busy"`, `"fence":8,"busy"`)
	edit("a ticket at work that is not", "at work", `"busy":["undo","unknown"]`, `"busy":["undo"]`)
	edit("another ticket at work", "at work", `"busy":["undo","unknown"]`, `"busy":["undo","stands"]`)
	edit("two at work that have nothing to do with each other", "at work", `"undoes":"unknown"`, `"undoes":"waits"`)
	edit("no last ticket though one was rejected", "as its last", `"last":"declined",`, ``)
	edit("a last ticket that nobody called off", "as its last", `"last":"declined",`, `"last":"waits",`)
	edit("a last ticket that does not exist", "as its last", `"last":"declined",`, `"last":"nothing",`)
	edit("a target that was seen before its tickets say", "last seen", `"tierSeen":"2017-11-02T18:13:00Z"}}`, `"tierSeen":"2017-11-02T18:12:59Z"}}`)
	edit("a use by no ticket", "no ticket", `{"use":{"ticket":"waits"`, `{"use":{"ticket":"nobody"`)
	edit("a use of nothing", "has used", `{"use":{"ticket":"waits","what":"request"`, `{"use":{"ticket":"waits","what":"bypass"`)
	edit("a count that is wrong", "counts", `"uses":`, `"uses":1`)
	edit("two things in one line", "out of its place", `{"use":{"ticket":"waits"`, `{"target":{"id":"b"},"use":{"ticket":"waits"`)
	edit("records that are not whole", "", `{"records":"`, `{"records":"AAAA`)
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := ssRead(t, []byte(tc.text))
			if !errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "snapshot, line ") {
				t.Errorf("got %v; want ErrCorrupt, a line, and %q", err, tc.says)
			}
		})
	}
}

func TestThirdTicketAtWorkOnOneTargetIsRefused(t *testing.T) {
	t.Parallel()
	s := ssHistory(t)
	third := s.lookup("unknown").Clone()
	third.ID, third.Action.Key = "z third", "third"
	s.tickets[third.ID], s.keys[requestKey{"mod", "third"}] = s.keep(third.ID, &third), third.ID
	s.targets["c"].all = append(s.targets["c"].all, third.ID)
	if _, err := ssRead(t, ssWrite(t, s)); !errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), "third at work") {
		t.Errorf("got %v", err)
	}
}

func TestSnapshotOfAnotherVersionIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	text := strings.Replace(string(ssWrite(t, ssHistory(t))), `"version":1`, `"version":2,"news":[]`, 1)
	_, err := ssRead(t, []byte(text))
	if err == nil || errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), "has version 2") || !strings.Contains(err.Error(), "all records are read") {
		t.Errorf("got %v", err)
	}
}

func TestSnapshotWhoseReaderFailsIsRefused(t *testing.T) {
	t.Parallel()
	text := ssWrite(t, ssHistory(t))
	broken := errors.New("the disk is gone")
	for _, n := range []int{0, 10, len(text) / 2, len(text) - 1, len(text)} {
		s := newMemoryStore(ssNothing{})
		err := s.readSnapshot(t.Context(), io.MultiReader(bytes.NewReader(text[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newMemoryStore(ssNothing{}).readSnapshot(done, bytes.NewReader(text)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
}

func TestSnapshotLineHasABound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		more int
		ok   bool
	}{{0, true}, {1, false}} {
		s := newMemoryStore(ssNothing{})
		long := Ticket{ID: "long", Revision: 1}
		line := (&snapshotLine{Ticket: &long}).appendJSON(nil)
		long.Note = strings.Repeat("x", maxSnapshotLine-1-len(line)-len(`,"note":""`)+tc.more)
		if err := s.Commit(t.Context(), Change{Tickets: []Ticket{long}, Record: audit.Record{ID: "r"}}); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		err := s.writeSnapshot(t.Context(), &b)
		if (err == nil) != tc.ok {
			t.Errorf("a line of %d bytes: %v", maxSnapshotLine-1+tc.more, err)
		}
		if err == nil {
			if _, err := ssRead(t, b.Bytes()); err != nil {
				t.Errorf("the longest line can't be read: %v", err)
			}
		}
		s.tickets["long"].whole.Note += "x" // past the writer
		if _, err := ssRead(t, bytes.Replace(b.Bytes(), []byte(`"note":"`), []byte(`"note":"xx`), 1)); tc.ok && !errors.Is(err, audit.ErrCorrupt) {
			t.Errorf("a line that is too long: %v", err)
		}
	}
}
