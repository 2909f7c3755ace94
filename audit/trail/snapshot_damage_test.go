package trail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

const snapshotPath = ramLog + "/log/snapshot"

// snapshotLog returns a disk with a log of six records and a snapshot of three of
// them.
func snapshotLog(t *testing.T) (place, *ramDisk, *truth) {
	t.Helper()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 3)...)
	saveState(t, l, "the state after three")
	w.add(t, l, briefs(3, 6)...)
	closeLog(t, l)
	return p, loadDisk(t, p), w
}

// wantSnapshotRefused fails unless replaying the snapshot yields one error that
// names its file, and nothing else.
func wantSnapshotRefused(t *testing.T, what string, d *ramDisk) {
	t.Helper()
	l, err := d.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := 0
	for r, err := range l.ReplaySnapshot(t.Context(), func(r io.Reader) error { _, err := io.ReadAll(r); return err }) {
		n++
		var damage *trail.DamageError
		if !errors.As(err, &damage) || damage.File != "log/snapshot" || !errors.Is(err, audit.ErrCorrupt) || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %q, %v, want a DamageError of log/snapshot", what, r.ID, err)
		}
	}
	if n != 1 {
		t.Errorf("%s: %d things were yielded, want one error", what, n)
	}
	wantIDs(t, l, trail.Query{}, "id-0", "id-1", "id-2", "id-3", "id-4", "id-5")
}

func TestASnapshotWithAnyByteChangedIsRefused(t *testing.T) {
	t.Parallel()
	_, disk, _ := snapshotLog(t)
	data := disk.files[snapshotPath].data
	d := disk.clone()
	l, err := d.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	check := func(what string, damaged []byte) {
		t.Helper()
		d.put(snapshotPath, damaged)
		have, err := replay(t.Context(), l)
		var damage *trail.DamageError
		if errors.As(err, &damage) && damage.File == "log/snapshot" && have.IDs == nil {
			return
		}
		if have.State != "the state after three" || len(have.IDs) != 3 || err != nil || !isSpare(data, damaged) {
			t.Errorf("%s: %+v, %v, want a DamageError of log/snapshot", what, have, err)
		}
	}
	for at := range data {
		if at > 600 && at < 4000 && at%50 != 0 {
			continue // zeros
		}
		flipped := bytes.Clone(data)
		flipped[at] ^= 1 << (at % 8)
		check(fmt.Sprintf("byte %d", at), flipped)
		check(fmt.Sprintf("cut at %d", at), data[:at])
	}
	check("longer", append(bytes.Clone(data), 0))
	check("empty", []byte{})
}

// isSpare reports whether a damaged file has the same signature as the whole one,
// written in another way: base64 has bits that mean nothing.
func isSpare(whole, damaged []byte) bool {
	if len(whole) != len(damaged) {
		return false
	}
	decode := func(b []byte) string {
		b, _, _ = bytes.Cut(b[bytes.Index(b, []byte("\n— ")):], []byte("\n\x00"))
		sig, _ := base64.StdEncoding.DecodeString(string(b[bytes.LastIndexByte(b, ' ')+1:]))
		return string(sig)
	}
	return decode(whole) == decode(damaged)
}

// makeSnapshot writes a snapshot as the format has it, signed by anybody.
func makeSnapshot(tb testing.TB, signer note.Signer, text string, state []byte) []byte {
	tb.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		tb.Fatal(err)
	}
	b := binary.BigEndian.AppendUint32([]byte("interlock snapshot 1\n"), uint32(len(signed)))
	b = append(b, signed...)
	return append(append(b, make([]byte, 4096-len(b))...), state...)
}

// snapshotText is what a snapshot's note says.
func snapshotText(origin string, size any, root [32]byte, state []byte) string {
	sum := sha256.Sum256(state)
	return fmt.Sprintf("interlock snapshot 1\n%s\n%v\n%s\n%d\n%s\n", origin, size,
		base64.StdEncoding.EncodeToString(root[:]), len(state), base64.StdEncoding.EncodeToString(sum[:]))
}

func TestASnapshotThatDoesNotAgreeWithTheLogIsRefused(t *testing.T) {
	t.Parallel()
	p, disk, w := snapshotLog(t)
	key, _ := stolenKey(t, p)
	const origin = "example.com/trail"
	state := []byte("another state")
	three := w.checkpoints[3].Root
	otherPlace, otherDisk, _ := snapshotLog(t)
	otherKey, _ := stolenKey(t, otherPlace)

	accepted := disk.clone()
	accepted.put(snapshotPath, makeSnapshot(t, key, snapshotText(origin, 3, three, state), state))
	l, err := accepted.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantReplayed(t, l, replayed{string(state), 1, []string{"id-3", "id-4", "id-5"}}) // so the others are refused for what they are
	closeLog(t, l)

	snapshots := map[string][]byte{
		"another log's":                         otherDisk.files[snapshotPath].data,
		"signed with another log's key":         makeSnapshot(t, otherKey, snapshotText(origin, 3, three, state), state),
		"signed with a new key":                 makeSnapshot(t, newKey(t), snapshotText(origin, 3, three, state), state),
		"of another root":                       makeSnapshot(t, key, snapshotText(origin, 3, [32]byte{1}, state), state),
		"of the root of another size":           makeSnapshot(t, key, snapshotText(origin, 4, three, state), state),
		"of more entries than there are":        makeSnapshot(t, key, snapshotText(origin, 7, three, state), state),
		"of the most entries":                   makeSnapshot(t, key, snapshotText(origin, uint64(1)<<63-1, three, state), state),
		"of too many entries":                   makeSnapshot(t, key, snapshotText(origin, "9223372036854775808", three, state), state),
		"of a negative number":                  makeSnapshot(t, key, snapshotText(origin, -1, three, state), state),
		"of a number with a sign":               makeSnapshot(t, key, snapshotText(origin, "+3", three, state), state),
		"of another origin":                     makeSnapshot(t, key, snapshotText("example.com/other", 3, three, state), state),
		"with another state":                    makeSnapshot(t, key, snapshotText(origin, 3, three, state), []byte("Another state")),
		"with a longer state":                   makeSnapshot(t, key, snapshotText(origin, 3, three, state), append(state[:len(state):len(state)], '!')),
		"with a shorter state":                  makeSnapshot(t, key, snapshotText(origin, 3, three, state), state[1:]),
		"with a line more":                      makeSnapshot(t, key, snapshotText(origin, 3, three, state)+"\n", state),
		"with the note of a checkpoint":         makeSnapshot(t, key, w.checkpoints[3].String(), state),
		"whose note is longer than it can be":   append(append([]byte("interlock snapshot 1\n"), 0xff, 0xff, 0xff, 0xff), make([]byte, 5000)...),
		"whose note has no bytes":               append(append([]byte("interlock snapshot 1\n"), 0, 0, 0, 0), make([]byte, 5000)...),
		"another file of the log":               disk.files[ramLog+"/log/hashes"].data,
		"the write-ahead file":                  disk.files[ramLog+"/log/wal-0"].data,
		"the checkpoint":                        disk.files[ramLog+"/checkpoint"].data,
		"an older one of a log that was forged": nil,
	}
	forged, _ := forge(t, p, 3, rewritten(briefs(0, 6), 1))
	forgedRoot, err := trail.HeadFileOn(forged, ramHead).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.verifier.Checkpoint(forgedRoot)
	if err != nil {
		t.Fatal(err)
	}
	snapshots["an older one of a log that was forged"] = makeSnapshot(t, key, snapshotText(origin, 6, c.Root, state), state)
	for name, data := range snapshots {
		d := disk.clone()
		d.put(snapshotPath, data)
		wantSnapshotRefused(t, name, d)
	}
}

func TestASnapshotsSignatureIsNotACheckpoints(t *testing.T) {
	t.Parallel()
	_, disk, w := snapshotLog(t)
	data := disk.files[snapshotPath].data[len("interlock snapshot 1\n"):]
	signed := data[4 : 4+binary.BigEndian.Uint32(data)]
	if c, err := w.verifier.Checkpoint(signed); err == nil || !errors.Is(err, proof.ErrUnverified) && !errors.Is(err, proof.ErrInvalid) {
		t.Errorf("Checkpoint = %v, %v", c, err)
	}
	d := disk.clone()
	d.put(ramHead, nil)
	h := trail.HeadFileOn(d, ramHead)
	if _, err := h.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	if l, err := d.open(t.Context()); err == nil {
		l.Close()
		t.Error("a log was opened with a snapshot's note as its trusted head")
	}
}

func TestAnOlderSnapshotLeavesMoreToReplay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.openQuiet(t, trail.MinRoom)
	w := newTruth(t, l)
	w.add(t, l, briefs(0, 2)...)
	saveState(t, l, "two")
	older := loadDisk(t, p).files[snapshotPath].data
	w.add(t, l, briefs(2, 4)...)
	saveState(t, l, "four")
	closeLog(t, l)
	d := loadDisk(t, p)
	d.put(snapshotPath, older)
	again, err := d.open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	wantReplayed(t, again, replayed{"two", 1, []string{"id-2", "id-3"}})
}
