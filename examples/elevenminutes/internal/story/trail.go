package story

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/trails"
)

// Earlier writes that the trails of earlier runs are intact.
func Earlier(w io.Writer, intact []trails.Verified) error {
	var text strings.Builder
	for _, v := range intact {
		what := "The trail of an earlier run is intact"
		if v.Resumed {
			what = "An earlier run was broken off; what it has written is intact"
		}
		fmt.Fprintf(&text, "%s, with %s: %s\n", what, entries(v.Checkpoint.Size), v.Place.Dir)
	}
	if len(intact) > 0 {
		text.WriteString("\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Trails writes what this run has left: where its trails are, what each
// has signed, and how others can check that.
func Trails(w io.Writer, verified []trails.Verified) error {
	var text strings.Builder
	text.WriteString("\nThe audit trails, verified from the first entry to the last\n")
	var rows [][]string
	for _, v := range verified {
		rows = append(rows, []string{v.Place.Name, entries(v.Checkpoint.Size), v.Place.Dir})
	}
	text.WriteString(table(rows))
	text.WriteString("\nTheir checkpoints. Whoever keeps one finds out if anything that it covers is changed later.\n")
	for _, v := range verified {
		fmt.Fprintf(&text, "\n%s", v.Signed)
	}
	text.WriteString("\nTheir public keys. With one, anybody can verify a copy of the trail: with trail.Verify, or with what\nelse reads C2SP tlog-tiles.\n")
	for _, v := range verified {
		fmt.Fprintf(&text, "  %s\n", v.VerifierKey)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// Changed writes what was changed in a trail, what that means, and how to go on.
func Changed(w io.Writer, c *trails.Changed) error {
	text := fmt.Sprintf("The audit trail %s was changed.\n", c.Place.Dir)
	for _, line := range changed(c) {
		text += "  " + strings.Join(wrap(line, width-4), "\n    ") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

func changed(c *trails.Changed) []string {
	lines := []string{"File: " + c.File, "What: " + wrong(c)}
	for _, e := range c.Around {
		lines = append(lines, fmt.Sprintf("Entry %d reads now: %s", e.Index, reads(e)))
	}
	return append(lines, "That means: "+meaning(c),
		"To go on: nothing was written, and the evidence is as it was found. Name another folder with -trail. "+
			"Or, if this was only a trial, remove "+c.Place.Dir+" with its .key, .key.pub and .head, and run this again.")
}

// wrong says what is wrong with which entry.
func wrong(c *trails.Changed) string {
	text := fmt.Sprintf("entry %d (of %d, counted from 0) %s", c.Entry, c.Size, c.Problem)
	switch {
	case c.Part == trails.History:
		text = fmt.Sprintf("of the %s that the trusted head remembers at least one is another one now; which, nobody can tell", entries(c.Size))
	case c.Part == trails.Directory:
		text = "the directory " + c.Problem
	case !c.AboutEntry():
		text = "the file " + c.Problem
	case c.Size == 0:
		text = fmt.Sprintf("entry %d %s", c.Entry, c.Problem)
	}
	if c.Err != nil {
		text += ": " + oneLine(c.Err.Error())
	}
	return text
}

// reads is how an entry reads.
func reads(e trails.Entry) string {
	if e.Record == nil {
		const most = 60
		return fmt.Sprintf("no record (%s): %.*q", oneLine(e.Err.Error()), most, e.Bytes)
	}
	return record(e.Record)
}

// record sums up a record on one line. Whatever somebody may have written into it
// is quoted.
func record(r *audit.Record) string {
	text := fmt.Sprintf("%q at %s", r.Event, r.Time.UTC().Format(time.RFC3339))
	for _, part := range []struct{ name, value string }{
		{"by", r.Actor.Login}, {"kind", r.Kind}, {"target", r.Target.ID}, {"ticket", r.Ticket}, {"reason", r.Reason},
	} {
		if part.value != "" {
			text += fmt.Sprintf(", %s %q", part.name, part.value)
		}
	}
	return text
}

// oneLine quotes a text that has control characters.
func oneLine(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return quoted(text)
	}
	return text
}

// meaning says what it means that a part was changed.
func meaning(c *trails.Changed) string {
	if c.Missing && c.AboutEntry() {
		return "what this file held is gone, and nobody can prove it without a copy. That there was something, the files above it and the trusted head still say."
	}
	switch c.Part {
	case trails.Entries:
		return "this entry is not the one that was appended. Somebody has changed it since, or the disk has; the tree of hashes and the signed checkpoint still stand for the entry as it was."
	case trails.Hashes:
		return "a hash of the tree was changed, and no longer fits the hashes above it up to the signed checkpoint. Without it what stands below it can't be proved."
	case trails.Checkpoint:
		return "what the log's key has signed is not this any more, or not there. The trusted head still knows how many entries there were, and which."
	case trails.End:
		return "the end of the trail was cut off, or an older copy was put in its place. What is left is whole and signed; only the trusted head, which lies outside of the trail, knows that there was more."
	case trails.History:
		return "all files agree with each other, and the log's key has signed them: somebody who has the key has written the trail anew. Only the trusted head, which lies outside of the trail, remembers that it was another one."
	case trails.Head:
		return "without the trusted head nobody can tell whether the trail was cut, or written anew with its key."
	case trails.Key:
		return "without the key that has signed the trail nobody can tell whether this is still the same one."
	case trails.Directory:
		return "the trail itself is not there any more; its key and its trusted head remember it."
	}
	return "what the writer keeps for itself is damaged, with what it had not published yet."
}
