package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// Proposal is a version of the policy that would replace another one.
type Proposal struct {
	Digest     string // of the proposed rows
	Replaces   string // digest of the version that it replaces
	Rows       []Row  // the whole proposed policy, by type and columns
	Difference string // what would change, as Config.Difference says it
}

// Action returns the action to ask the guard for. The caller adds Actor, Reason
// and Key, and changes nothing else.
func (p Proposal) Action() moderation.Action {
	return moderation.Action{
		Kind: moderation.PolicyChangeKind, Target: moderation.PolicyTarget,
		Parameters: map[string]string{moderation.PolicyReplaces: p.Replaces, moderation.PolicyProposed: p.Digest},
	}
}

// Proposals keeps versions of the policy under their digests. What it returns is
// not believed: rows that don't have the digest are refused.
//
// Save keeps rows, for good, or fails; saving a digest again changes nothing.
// Load returns them, in any order, or an error, one that wraps [ErrNoProposal]
// where there are none. Both may be called by many goroutines at once. The rows
// are the caller's in both.
type Proposals interface {
	Save(ctx context.Context, digest string, rows []Row) error
	Load(ctx context.Context, digest string) ([]Row, error)
}

// ErrNoProposal is wrapped where no version is kept under a digest.
var ErrNoProposal = errors.New("policy: no such proposal")

// defaultMaxRows is how many rows a proposal may have where nothing is said.
const defaultMaxRows = 100_000

// Propose validates rows as [Open] does, and keeps them as a proposal to replace
// the version in force. Nothing else comes of it until the guard executes the
// [Proposal.Action]. It returns an error for rows that would not load, for more
// than ChangesConfig.MaxRows, and for the version that is in force already.
//
// Whoever calls it needs no right to: who may ask for the change is decided by
// the guard. A host should let only those call it who could.
func (c *Changes) Propose(ctx context.Context, rows []Row) (Proposal, error) {
	if c == nil || c.authorizer == nil {
		return Proposal{}, errNoChanges
	}
	if len(rows) > c.config.MaxRows {
		return Proposal{}, fmt.Errorf("policy: the proposal has %d rows; at most %d are allowed", len(rows), c.config.MaxRows)
	}
	rows = cloneRows(rows)
	for i := range rows { // so that what is wrong can be named
		if rows[i].Source == "" {
			rows[i].Source = fmt.Sprintf("row %d", i+1)
		}
	}
	if _, err := compile("the proposal", rows, nil, c.authorizer.words); err != nil {
		return Proposal{}, fmt.Errorf("policy: the proposal: %w", err)
	}
	inForce := c.authorizer.current.Load().snapshot
	proposed, err := c.compile(rows, digest(rows))
	switch {
	case err != nil:
		return Proposal{}, fmt.Errorf("policy: the proposal: %w", err)
	case proposed.digest == inForce.digest:
		return Proposal{}, errors.New("policy: the proposal is the version in force")
	}
	for _, s := range []*snapshot{inForce, proposed} {
		_, err := bounded(ctx, defaultLoadTimeout, "the Proposals", func(ctx context.Context) (struct{}, error) {
			return struct{}{}, c.config.Proposals.Save(ctx, s.digest, s.rows())
		})
		if err != nil {
			return Proposal{}, fmt.Errorf("policy: keeping version %.12s: %w", s.digest, err)
		}
	}
	return c.describe(ctx, inForce, proposed)
}

func (c *Changes) describe(ctx context.Context, replaces, proposed *snapshot) (Proposal, error) {
	adm, err := c.authorizer.newAdmission(ctx, replaces, proposed, "", true)
	if err != nil {
		return Proposal{}, fmt.Errorf("policy: what the proposal changes can't be told: %w", err)
	}
	return Proposal{Digest: proposed.digest, Replaces: replaces.digest, Rows: proposed.rows(), Difference: adm.Difference}, nil
}

// Proposal returns what an action would install, for reviewers: the action of
// the ticket that they are asked to approve. Everything in it was worked out from
// rows whose digests the ticket covers.
func (c *Changes) Proposal(ctx context.Context, a moderation.Action) (Proposal, error) {
	if c == nil || c.authorizer == nil {
		return Proposal{}, errNoChanges
	}
	if a.Kind != moderation.PolicyChangeKind {
		return Proposal{}, fmt.Errorf("policy: an action of kind %.80q is no change of the policy", a.Kind)
	}
	var versions [2]*snapshot
	for i, name := range []string{moderation.PolicyReplaces, moderation.PolicyProposed} {
		var err error
		if versions[i], err = c.version(ctx, a.Parameters[name]); err != nil {
			return Proposal{}, fmt.Errorf("policy: %w", err)
		}
	}
	return c.describe(ctx, versions[0], versions[1])
}

// version returns the version with a digest, compiled.
func (c *Changes) version(ctx context.Context, digest string) (*snapshot, error) {
	if s := c.authorizer.current.Load().snapshot; s.digest == digest {
		return s, nil
	}
	if s := c.recent(digest); s != nil {
		return s, nil
	}
	rows, err := c.stored(ctx, digest)
	if err != nil {
		return nil, err
	}
	return c.compile(rows, digest)
}

// alteredError says that what is kept under a digest is something else.
type alteredError struct {
	wanted, digest string
	rows           []Row
}

func (e *alteredError) Error() string {
	return fmt.Sprintf("what is kept as version %.12s is version %.12s: it was altered", e.wanted, e.digest)
}

// stored reads the rows of a version, and believes only their digest.
func (c *Changes) stored(ctx context.Context, wanted string) ([]Row, error) {
	rows, err := bounded(ctx, defaultLoadTimeout, "the Proposals", func(ctx context.Context) ([]Row, error) {
		rows, err := c.config.Proposals.Load(ctx, wanted)
		return cloneRows(rows), err
	})
	if err != nil {
		return nil, fmt.Errorf("reading version %.12s: %w", wanted, err)
	}
	if found := digest(rows); found != wanted {
		return nil, &alteredError{wanted, found, rows}
	}
	return rows, nil
}

// compile makes a version of rows that were seen to have the digest: in one
// order, whatever order they come in.
func (c *Changes) compile(rows []Row, digest string) (*snapshot, error) {
	if s := c.recent(digest); s != nil {
		return s, nil
	}
	rows = cloneRows(rows)
	slices.SortFunc(rows, compareRows)
	of := make(map[string]int)
	for i := range rows {
		of[rows[i].Type]++
		rows[i].Source = fmt.Sprintf("proposal %.12s:%s[%d]", digest, rows[i].Type, of[rows[i].Type])
	}
	s, err := compile("version "+digest, rows, nil, c.authorizer.words)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compiled = append(c.compiled, s)
	if len(c.compiled) > maxCompiled {
		c.compiled = slices.Delete(c.compiled, 0, 1)
	}
	return s, nil
}

// recent returns a version that was compiled not long ago.
func (c *Changes) recent(digest string) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.compiled, func(s *snapshot) bool { return s.digest == digest })
	if i < 0 {
		return nil
	}
	s := c.compiled[i]
	c.compiled = append(slices.Delete(c.compiled, i, i+1), s)
	return s
}

// memoryProposals keeps the last versions in memory.
type memoryProposals struct {
	mu    sync.Mutex
	rows  map[string][]Row
	order []string // the digests, the oldest first
}

const maxProposals = 64

// Save keeps rows, in place of the oldest where there are too many.
func (m *memoryProposals) Save(_ context.Context, digest string, rows []Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = make(map[string][]Row)
	}
	m.order = slices.DeleteFunc(m.order, func(d string) bool { return d == digest })
	m.order = append(m.order, digest)
	m.rows[digest] = rows
	if len(m.order) > maxProposals {
		delete(m.rows, m.order[0])
		m.order = m.order[1:]
	}
	return nil
}

// Load returns rows that were kept.
func (m *memoryProposals) Load(_ context.Context, digest string) ([]Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, ok := m.rows[digest]
	if !ok {
		return nil, ErrNoProposal
	}
	return cloneRows(rows), nil
}
