package moderation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"iter"
	"time"

	"github.com/elevenminutes/interlock/internal/typednil"
)

// chunk is how many members are asked about in one bounded call.
const chunk = 64

// part is some names of a source, or why there are no more.
type part struct {
	names []string
	err   error
}

// parts reads a source, some names at a time. A source that hangs, panics or
// gives what is no name ends the sequence with an error.
func (g *Guard) parts(ctx context.Context, source MemberSource) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		parts := make(chan part)
		go readParts(ctx, source, parts)
		timer := time.NewTimer(g.config.DecideTimeout)
		defer timer.Stop()
		for {
			timer.Reset(g.config.DecideTimeout)
			select {
			case p, more := <-parts:
				if !more || !yield(p.names, p.err) || p.err != nil {
					return
				}
			case <-timer.C:
				yield(nil, sourceFailed(errOverrun))
				return
			case <-ctx.Done():
				yield(nil, gaveUp(context.Cause(ctx)))
				return
			}
		}
	}
}

// readParts reads in a goroutine of its own, which a source that hangs keeps.
func readParts(ctx context.Context, source MemberSource, to chan<- part) {
	defer close(to)
	send := func(p part) bool {
		select {
		case to <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	defer func() {
		if p := recover(); p != nil {
			send(part{err: sourceFailed(&panicError{p})})
		}
	}()
	var names []string
	count := 0
	for name, err := range source.Members(ctx) {
		if count++; err == nil {
			err = checkSourceName(name, count)
		} else {
			err = sourceFailed(err)
		}
		if err != nil {
			send(part{err: err})
			return
		}
		if names = append(names, name); len(names) == chunk {
			if !send(part{names: names}) {
				return
			}
			names = nil
		}
	}
	if len(names) > 0 {
		send(part{names: names})
	}
}

func checkSourceName(name string, count int) error {
	if count > 2*MaxMembers {
		return invalid("the members", fmt.Sprintf("are more than %d names; ask for them in parts", 2*MaxMembers))
	}
	return checkName(fmt.Sprintf("member %d", count), name, true)
}

func sourceFailed(err error) *Refusal {
	return &Refusal{Code: CodeMembers, Text: "The members could not be read.", Err: err}
}

// noSource reports a source that was not given.
func noSource(source MemberSource) error {
	if source == nil || typednil.Is(source) {
		return invalid("the members", "are missing")
	}
	return nil
}

// claimed is what was named: a digest of all names in their order, which tells
// a request that is repeated from another one under its key.
type claimed struct{ sum hash.Hash }

func newClaim() claimed {
	c := claimed{sha256.New()}
	c.add("interlock/claim/v1")
	return c
}

func (c claimed) add(name string) { c.sum.Write(appendText(nil, name)) }

func (c claimed) digest() Digest { return Digest(c.sum.Sum(nil)) }

// claim reads a source without asking anybody about its names.
func (g *Guard) claim(ctx context.Context, source MemberSource) (Digest, error) {
	c := newClaim()
	for names, err := range g.parts(ctx, source) {
		if err != nil {
			return Digest{}, err
		}
		for _, name := range names {
			c.add(name)
		}
	}
	return c.digest(), nil
}

// ResolveMembers asks the directory which targets the names of a source stand for
// now, and returns them as a set: aliases, and names that differ in case where
// the directory does not tell them apart, count once. A name that the directory
// does not know stands for itself: it may be the ID of a target that is gone, and
// StartBatch holds the set against what was approved. Errors are a [*Refusal].
// Nothing is recorded.
func (g *Guard) ResolveMembers(ctx context.Context, source MemberSource) (*MemberSet, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.exit()
	if err := noSource(source); err != nil {
		return nil, err
	}
	r, err := g.resolveAll(ctx, source, true)
	return r.set, err
}

// resolved is what the names of a source stand for.
type resolved struct {
	set     *MemberSet // nil where no name is known
	names   int
	unknown Some // names that are not known
	claim   Digest
}

func (g *Guard) resolveAll(ctx context.Context, source MemberSource, gone bool) (resolved, error) {
	var r resolved
	all, claim := &names{}, newClaim()
	for some, err := range g.parts(ctx, source) {
		if err != nil {
			return r, err
		}
		ids, err := g.resolveSome(ctx, some)
		if err != nil {
			return r, err
		}
		for i, id := range ids {
			claim.add(some[i])
			r.names++
			if id == "" && gone {
				id = some[i]
			}
			if id == "" {
				r.unknown.add(some[i])
				continue
			}
			if err := all.add(id); err != nil {
				return r, err
			}
		}
	}
	r.claim = claim.digest()
	if len(all.ends) == 0 && r.unknown.Count > 0 {
		return r, nil
	}
	var err error
	r.set, err = all.set()
	return r, err
}

// resolveSome asks about some names. Those that are not known have no ID.
func (g *Guard) resolveSome(ctx context.Context, some []string) ([]string, error) {
	now, _ := g.clock.now()
	q := g.inquiry(StepRequest, now)
	return inquire(ctx, q, func(ctx context.Context) ([]string, error) {
		ids := make([]string, len(some))
		for i, name := range some {
			id, err := q.resolve(ctx, name)
			switch {
			case hasCode(err, CodeUnknownTarget):
				continue
			case err != nil:
				return nil, err
			case ownTarget(id):
				return nil, lied(CodeDirectory, "it resolved %q to %s, which is the library's own", name, id)
			}
			ids[i] = id
		}
		return ids, nil
	})
}
