package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
)

// Changes lets a policy be changed by tickets of [moderation.PolicyChangeKind]
// and in no other way. A change takes force when people have approved it who
// fill the quorum of the version in force and that of the proposed one. What they
// approve is a digest of the rows; what is installed has that digest.
//
// Propose a version, ask the guard for the action that the [Proposal] gives, let
// reviewers look at [Changes.Proposal], and register [Changes.Kind] in the guard.
// Make one with [NewChanges]; the zero Changes refuses everything. All methods may
// be called by many goroutines at once.
type Changes struct {
	authorizer *Authorizer
	config     ChangesConfig

	mu       sync.Mutex
	compiled []*snapshot // the versions last asked about, the latest last
}

// ChangesConfig says where versions are kept. Installer is required.
type ChangesConfig struct {
	// Installer writes a version to where the authorizer's source reads it.
	Installer Installer
	// Proposals keeps the rows of proposals, and of the versions that they
	// replace, for as long as somebody may review them or take a change back.
	// Nil keeps the last 64 versions in memory: tickets about others, and all
	// after a restart, are then denied.
	Proposals Proposals
	// MaxRows is how many rows a proposal may have. Zero means 100,000.
	MaxRows int
}

// Installer is the host's code that writes a policy to the place where the
// authorizer's source reads it.
//
// Install replaces all rows by those given, in one transaction, and returns nil
// if and only if that is done and what the source reads from then on is exactly
// that. It should refuse where the rows that are there are not those of Replaces,
// and where it has seen a higher Fence. An error that wraps
// [moderation.ErrNotApplied] says that nothing was changed; after any other the
// outcome is unknown. It is called by one goroutine at a time, with a deadline.
type Installer interface {
	Install(ctx context.Context, i Installation) error
}

// Installation is a version of the policy that is to be written. Its rows are
// the Installer's to keep and to change.
type Installation struct {
	Rows     []Row  // the whole policy; their order and Source mean nothing
	Digest   string // of the rows
	Replaces string // digest of the version in force before
	Ticket   string // the ticket under which it is installed
	Fence    uint64 // grows with each change of the policy
}

// maxCompiled bounds how many versions are kept compiled besides the one in
// force.
const maxCompiled = 8

// NewChanges lets the authorizer's policy be changed by tickets. The authorizer
// must have been opened with Config.Pinned, since without it whatever its source
// holds takes force, and can have one Changes only.
func NewChanges(a *Authorizer, c ChangesConfig) (*Changes, error) {
	switch {
	case !a.isOpen():
		return nil, errNotOpen
	case a.config.Pinned == "":
		return nil, errors.New("policy: the authorizer has no Config.Pinned, so that its source could bring any version past all approvals; name the first version's digest")
	case typednil.Is(c.Installer):
		return nil, errors.New("policy: ChangesConfig.Installer is missing")
	case c.Proposals != nil && typednil.Is(c.Proposals):
		return nil, errors.New("policy: ChangesConfig.Proposals is a nil pointer in an interface; an earlier constructor may have returned an error")
	case c.MaxRows < 0:
		return nil, fmt.Errorf("policy: ChangesConfig.MaxRows is %d; it can't be negative", c.MaxRows)
	}
	if c.Proposals == nil {
		c.Proposals = new(memoryProposals)
	}
	if c.MaxRows == 0 {
		c.MaxRows = defaultMaxRows
	}
	changes := &Changes{authorizer: a, config: c}
	if !a.changes.CompareAndSwap(nil, changes) {
		return nil, errors.New("policy: the authorizer has a Changes already")
	}
	return changes, nil
}

var errNoChanges = errors.New("policy: the Changes were not made with NewChanges")

// Kind returns the kind of action to register in the guard.
func (c *Changes) Kind() moderation.Kind {
	return moderation.Kind{Name: moderation.PolicyChangeKind, Apply: c.apply, Undo: c.undo, Probe: c.probe, Idempotent: true}
}

// apply installs the proposed version. The undo token is the digest of the one
// that it replaces.
func (c *Changes) apply(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	from, to := p.Parameters[moderation.PolicyReplaces], p.Parameters[moderation.PolicyProposed]
	return moderation.UndoToken(from), c.replace(ctx, p, from, to)
}

// undo puts the version before back, if the one that the change brought is
// still in force.
func (c *Changes) undo(ctx context.Context, p moderation.Permit) error {
	from, to := p.Parameters[moderation.PolicyReplaces], p.Parameters[moderation.PolicyProposed]
	if p.UndoToken != "" && string(p.UndoToken) != from {
		return notApplied(fmt.Errorf("the undo token names version %.12s, and the change replaced %.12s", p.UndoToken, from))
	}
	return c.replace(ctx, p, to, from)
}

func notApplied(err error) error {
	return fmt.Errorf("policy: the policy was not changed: %w (%w)", err, moderation.ErrNotApplied)
}

// replace installs one version in place of another, and puts it in force when
// the source is seen to hold it. No load comes between.
func (c *Changes) replace(ctx context.Context, p moderation.Permit, from, to string) error {
	if c == nil || c.authorizer == nil {
		return notApplied(errNoChanges)
	}
	a := c.authorizer
	release, err := a.acquire(ctx)
	if err != nil {
		return notApplied(err)
	}
	defer release()
	switch v := a.current.Load(); {
	case v.digest == to && p.Fence > 0 && v.fence == p.Fence:
		return nil // by this very call, made again
	case v.digest != from:
		return notApplied(fmt.Errorf("version %.12s is in force, not %.12s, which this replaces", v.digest, from))
	}
	next, err := c.ready(ctx, p, to)
	if err != nil {
		return notApplied(err)
	}
	a.seen = seen{}
	if err := c.install(ctx, p, from, next); err != nil {
		return err
	}
	a.current.Store(next)
	a.quarantine.forget(to)
	return nil
}

// ready returns the version to install: exactly what was approved, admitted and
// on record.
func (c *Changes) ready(ctx context.Context, p moderation.Permit, digest string) (*version, error) {
	a := c.authorizer
	old := a.current.Load()
	rows, err := c.stored(ctx, digest)
	var altered *alteredError
	if errors.As(err, &altered) {
		return nil, a.keepOut(ctx, old, altered.digest, altered.rows, ReasonAltered, err)
	}
	if err != nil {
		return nil, err
	}
	s, err := c.compile(rows, digest)
	if err != nil {
		return nil, err
	}
	next := &version{snapshot: s, asOf: time.Now(), fence: p.Fence}
	_, err = a.admit(ctx, old, next, loading{ticket: p.Ticket})
	return next, err
}

// install hands a version to the installer, and looks whether the source holds
// it then. It does not wait for one that hangs for longer than the permit lasts.
func (c *Changes) install(ctx context.Context, p moderation.Permit, from string, next *version) error {
	i := Installation{Rows: next.rows(), Digest: next.digest, Replaces: from, Ticket: p.Ticket, Fence: p.Fence}
	limit := defaultLoadTimeout
	if !p.Deadline.IsZero() {
		limit = time.Until(p.Deadline)
	}
	_, err := bounded(ctx, limit, "the Installer", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.config.Installer.Install(ctx, i)
	})
	if err != nil {
		return fmt.Errorf("policy: installing version %.12s: %w", next.digest, err)
	}
	a := c.authorizer
	rows, unreadable, err := loadRows(ctx, a.config.Source)
	if err != nil {
		return fmt.Errorf("policy: whether version %.12s was installed can't be told: %w", next.digest, a.keepAltered(ctx, err))
	}
	if found := digest(rows); found != next.digest || len(unreadable) > 0 {
		why := fmt.Errorf("the Installer said that version %.12s was installed, but the source holds %.12s", next.digest, found)
		return fmt.Errorf("policy: %w", a.keepOut(ctx, a.current.Load(), found, rows, ReasonAltered, why))
	}
	return nil
}

// probe asks the source which version it holds. The approvals of the ticket
// suffice for the version that it brings.
func (c *Changes) probe(ctx context.Context, p moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
	if c == nil || c.authorizer == nil {
		return "", "", errNoChanges
	}
	from, to := p.Parameters[moderation.PolicyReplaces], p.Parameters[moderation.PolicyProposed]
	token := moderation.UndoToken(from)
	if p.Call == moderation.CallUndo {
		from, to, token = to, from, ""
	}
	got, err := c.authorizer.load(ctx, loading{sure: Approval{to, p.Fence}})
	switch {
	case err != nil:
		return "", "", fmt.Errorf("policy: which version is in force can't be told: %w", err)
	case got.digest == to:
		return moderation.ProbeApplied, token, nil
	case got.digest == from:
		return moderation.ProbeNotApplied, "", nil
	}
	return "", "", nil
}
