package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/audit"
)

// claim is what a commit under way keeps others from: a record's ID, a ticket,
// a requester's key, a target, or a person who owes.
type claim struct {
	what      claimOn
	of, named string
}

type claimOn byte

const (
	claimRecord claimOn = iota
	claimTicket
	claimKey
	claimTarget
	claimDebtor
)

// Commit implements [Store].
func (s *MemoryStore) Commit(ctx context.Context, c Change) error {
	if s == nil || s.sink == nil {
		return errZeroStore
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("moderation: commit not begun: %w", err)
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	d := doubt{c, s.fingerprint(&c.Record)}
	done, err := s.reserve(d)
	if done || err != nil {
		return err
	}
	err = errNoAnswer
	defer func() {
		if err == errNoAnswer { // the sink panicked, or ended the goroutine
			s.conclude(d, err)
		}
	}()
	err = s.sink.Append(ctx, c.Record)
	return s.conclude(d, err)
}

// errNoAnswer is what a sink that panics leaves behind: doubt.
var errNoAnswer = errors.New("moderation: the sink did not answer")

// reserve checks all that must hold and keeps it so until the sink answers.
// done tells that the store has this very change already.
func (s *MemoryStore) reserve(d doubt) (done bool, err error) {
	c := d.change
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.doubts) > 0 {
		return false, fmt.Errorf("moderation: a commit came in doubt meanwhile: %w", ErrConflict)
	}
	if same, known := s.known(d.print); same || known {
		if same {
			return true, nil
		}
		return false, fmt.Errorf("moderation: record %s exists with another body: %w", c.Record.ID, ErrConflict)
	}
	if err := s.check(c); err != nil {
		return false, err
	}
	var room [8]claim
	claims := c.claims(room[:0])
	for _, claim := range claims {
		if s.reserved[claim] {
			return false, fmt.Errorf("moderation: another commit of the same ticket, key or target is under way: %w", ErrConflict)
		}
	}
	for _, claim := range claims {
		s.reserved[claim] = true
	}
	return false, nil
}

// claims appends what a change keeps others from.
func (c Change) claims(claims []claim) []claim {
	claims = append(claims, claim{claimRecord, "", c.Record.ID})
	for i := range c.Tickets {
		t := &c.Tickets[i]
		claims = append(claims, claim{claimTicket, "", t.ID})
		if t.Revision == 1 {
			claims = append(claims, claim{claimKey, t.Action.Actor, t.Action.Key})
		}
		if takesTarget(t) {
			claims = append(claims, claim{claimTarget, "", t.Subject.ID})
		}
		if t.owing() {
			claims = append(claims, claim{claimDebtor, "", t.Requester.Person})
		}
	}
	for _, is := range c.Unchanged {
		claims = append(claims, claim{claimTicket, "", is.Ticket})
	}
	return claims
}

// conclude ends a commit with the sink's answer.
func (s *MemoryStore) conclude(d doubt, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !errors.Is(err, audit.ErrNotWritten) && !errors.Is(err, audit.ErrNoRoom) {
		s.doubts = append(s.doubts, d) // and what it reserved stays reserved
		return fmt.Errorf("moderation: record %s is in doubt: %w", d.change.Record.ID, err)
	}
	s.take(d, err)
	if err != nil {
		return fmt.Errorf("moderation: record %s: %w", d.change.Record.ID, err)
	}
	return nil
}

// take applies a change that is written, or drops one that is not.
func (s *MemoryStore) take(d doubt, err error) {
	if err == nil {
		s.apply(d.change, d.print)
	}
	var room [8]claim
	for _, claim := range d.change.claims(room[:0]) {
		delete(s.reserved, claim)
	}
}

// settle appends what is in doubt again, until the sink has it or says that it
// never will. That it has no room settles nothing: the attempt that left the
// doubt may still be under way, and find room.
func (s *MemoryStore) settle(ctx context.Context) error {
	if !s.inDoubt() {
		return nil
	}
	select {
	case s.settling <- struct{}{}:
		defer func() { <-s.settling }()
	case <-ctx.Done():
		return fmt.Errorf("moderation: waiting for a commit in doubt: %w", ctx.Err())
	}
	for {
		s.mu.Lock()
		if len(s.doubts) == 0 {
			s.mu.Unlock()
			return nil
		}
		d := s.doubts[0]
		s.mu.Unlock()
		err := s.sink.Append(ctx, d.change.Record)
		if err != nil && !errors.Is(err, audit.ErrNotWritten) {
			return fmt.Errorf("moderation: record %s is still in doubt: %w", d.change.Record.ID, err)
		}
		s.mu.Lock()
		s.doubts = slices.Delete(s.doubts, 0, 1)
		s.take(d, err)
		s.mu.Unlock()
	}
}

func (s *MemoryStore) inDoubt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.doubts) > 0
}

// apply puts a change's tickets in place.
func (s *MemoryStore) apply(c Change, print fingerprint) {
	s.bodies[print.id] = print.body
	s.unsaved++
	if c.Record.Time.After(s.last) {
		s.last = c.Record.Time
	}
	for i := range c.Tickets {
		t := &c.Tickets[i]
		was := s.tickets[t.ID]
		head := s.place(t)
		if was == nil || was.subject() != t.Subject {
			head.look(t.Subject.TierSeen, s.words.name(t.Subject.Tier))
		}
	}
	if s.snapshots != nil {
		s.noteUses(&c)
	}
}

// place puts a ticket where its ID, its key, its target, its batch and its time
// lead to it. What is kept for ever by a text is a copy of it, for what it was cut
// from may be large.
func (s *MemoryStore) place(t *Ticket) *targetState {
	head := s.targets[t.Subject.ID]
	if head == nil {
		head = newTargetState()
		s.targets[strings.Clone(t.Subject.ID)] = head
	}
	var id string
	if was := s.tickets[t.ID]; was != nil {
		id = was.id
	} else {
		id = strings.Clone(t.ID)
		s.keys[requestKey{s.words.name(t.Action.Actor), strings.Clone(t.Action.Key)}] = id
		head.all = append(head.all, id)
		s.enlist(id, t)
	}
	k := s.keep(id, t)
	s.tickets[id] = k
	if k.whole == nil { // a target's name is looked at first, and then its ticket: it is the same memory
		s.targets[k.target()] = head
	}
	head.update(k, t)
	s.follow(k, t)
	if !t.Due.IsZero() {
		s.due.push(dueTicket{t.Due, id})
	}
	return head
}

// enlist puts a new ticket among those of its batch.
func (s *MemoryStore) enlist(id string, t *Ticket) {
	if t.Mandate != "" {
		mandate := s.words.name(t.Mandate)
		s.members[mandate] = append(s.members[mandate], id)
	}
}
