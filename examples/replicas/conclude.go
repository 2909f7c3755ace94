package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/replicas/internal/service"
)

var errNotAsPromised = errors.New("something is not as it should be; see above")

func collect(rows pgx.Rows) ([]string, error) { return pgx.CollectRows(rows, pgx.RowTo[string]) }

// conclude waits until nothing is under way, stops the replicas, and prints what
// happened.
func conclude(ctx context.Context, o options, s *scene, l *load, recovery time.Duration, left int, w io.Writer) error {
	f, err := rest(ctx, s.pool)
	if err != nil {
		return err
	}
	for _, p := range s.replicas {
		if err := p.stop(ctx); err != nil {
			return err
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what string, value any) { fmt.Fprintf(t, "  %s\t%v\n", what, value) }
	fmt.Fprintln(w, "\nWhat happened")
	row("suspensions asked for", l.asked.Load())
	row("asked again at another replica, same key", l.again.Load())
	row("asked anew, for the crash came before the deed", l.anew.Load())
	row("approved by a lead", f.ByApproval)
	row("taken back by another moderator", f.Undone)
	row("versions of the policy that were in force", f.Versions)
	row("in the middle when it was over", left)
	row("settled by asking the service what is true", f.Settled)
	row("all of them settled after", recovery.Round(10*time.Millisecond))
	row("the longest that anybody waited for an answer", time.Duration(l.slowest.Load()).Round(time.Millisecond))
	for _, name := range slices.Sorted(maps.Keys(f.ByReplica)) {
		row("handler calls by "+name, f.ByReplica[name])
	}
	row("tickets by status", statuses(f.Statuses))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, text := range slices.Sorted(maps.Keys(l.odd)) {
		fmt.Fprintf(w, "  unexpected answer, %d times: %s\n", l.odd[text], text)
	}
	return errors.Join(promises(ctx, s.pool, f, w), verify(ctx, filepath.Join(o.dir, "trail"), w))
}

// rest waits until no handler can be running and the trail has every record.
func rest(ctx context.Context, pool *pgxpool.Pool) (f service.Figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		before := f
		f, err = service.Count(ctx, pool)
		if ctx.Err() != nil {
			return f, fmt.Errorf("after two minutes there is still something under way: %s; %d records are not in the trail", statuses(before.Statuses), before.Unrelayed)
		}
		if err != nil {
			return f, err
		}
		if f.AtWork == 0 && f.Statuses["held"] == 0 && f.Unrelayed == 0 {
			return f, nil
		}
		pause(ctx, 200*time.Millisecond)
	}
}

func statuses(count map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d %s", count[name], name))
	}
	return strings.Join(parts, ", ")
}

// promises prints which of the claims hold.
func promises(ctx context.Context, pool *pgxpool.Pool, f service.Figures, w io.Writer) error {
	claims, err := service.Check(ctx, pool)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nWhat holds")
	for _, c := range claims {
		verdict := "yes"
		if len(c.Violations) > 0 {
			verdict, err = "NO ", errNotAsPromised
		}
		fmt.Fprintf(w, "  %s  %s\n", verdict, c.Text)
		for _, id := range c.Violations[:min(len(c.Violations), 5)] {
			fmt.Fprintf(w, "       not of ticket %s\n", id)
		}
	}
	return err
}

// verify verifies the trail as anybody could who has its public key.
func verify(ctx context.Context, dir string, w io.Writer) error {
	key, err := os.ReadFile(dir + ".key.pub")
	if err != nil {
		return err
	}
	head, err := trail.HeadFile(dir + ".head").Load(ctx)
	if err != nil {
		return err
	}
	verifier, err := proof.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	verified, err := trail.Verify(ctx, os.DirFS(dir), verifier, trail.VerifyOptions{Head: head})
	if err != nil {
		fmt.Fprintf(w, "\nThe trail in %s does not verify: %v\n", dir, err)
		return errNotAsPromised
	}
	fmt.Fprintf(w, "\nThe trail in %s verifies: %d records, signed as\n\n", dir, verified.Checkpoint.Size)
	for line := range strings.Lines(string(verified.Signed)) {
		fmt.Fprint(w, "  ", line)
	}
	return nil
}
