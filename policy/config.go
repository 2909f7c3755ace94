package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
)

// Config says where a policy comes from and what it may name. A row that names
// anything else is refused by [Open], and a question that does is denied.
type Config struct {
	// Source is where the policy comes from. Required.
	Source Source
	// Kinds are the kinds of action that the host registers. Required. Rows
	// may also name the library's own, which begin with "interlock.".
	Kinds []string
	// Tiers are the tiers that targets can have. Required.
	Tiers []string
	// Labels are the labels that the directory may give to actors, without
	// the leading @. The guard's own, leaving and service, are always there.
	Labels []string
	// Domains are the domains that targets can have. Where none is given, a
	// row may name any domain and a target may have any.
	Domains []string
	// MaxStaleness is how long a version may be relied on after the load that
	// brought it, or the last one that found it unchanged. Zero trusts it until it is replaced, which fits a policy
	// that is deployed with the program; decisions then have no AsOf. With a
	// bound, decisions tell by AsOf when the version's load began, and past
	// the bound request, bypass and unfreeze are denied with
	// moderation.CodeStale. The other steps are still answered, since they
	// take restrictions back or stop them, and the guard has its own bound.
	// Not negative.
	MaxStaleness time.Duration

	// Admit is asked about each version before it takes force. An error, a panic
	// and no answer in time keep the version out: it is quarantined, and the
	// one before it stays in force. Nil admits every version that loads.
	Admit func(context.Context, Admission) error
	// AdmitTimeout bounds Admit, and Difference. Zero means 30 seconds.
	AdmitTimeout time.Duration
	// Difference says for people what changes between two versions, for Admit,
	// proposals and records; it is cut after 64 KiB. Where it panics or does not
	// answer the version is quarantined. It may be called by many goroutines at
	// once. Nil means [RowDifference].
	Difference func(old, next *Policy) string
	// Audit takes a record of each version before it takes force, with its
	// digest, that of the version before and the difference; and of each that is
	// quarantined. A version that can't be recorded does not take force. Nil
	// records nothing; give the guard's own trail.
	Audit audit.Sink
	// Pinned is the digest of the version that is in force at first, as
	// [Authorizer.Digest] has it. Where it is given, what the source holds takes
	// force only if it is that version at first, or one that an executed change
	// of the policy brought; anything else is quarantined. See [Changes]. Empty
	// trusts the source, which fits a policy that is deployed with the program.
	Pinned string
	// Approvals knows which versions changes of the policy brought, those that
	// were executed by other processes or before a restart among them. Nil knows
	// only Pinned, at first, and what this authorizer's own Changes execute; after
	// a change Pinned must then be changed too before the next start. It needs
	// Pinned.
	Approvals Approvals
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	if c.AdmitTimeout == 0 {
		c.AdmitTimeout = defaultAdmitTimeout
	}
	if c.Difference == nil {
		c.Difference = RowDifference
	}
	return c
}

// checkVersions looks at the fields that say which versions take force.
func (c Config) checkVersions() error {
	switch {
	case c.AdmitTimeout < 0:
		return fmt.Errorf("Config.AdmitTimeout is %v; it can't be negative", c.AdmitTimeout)
	case c.Pinned != "" && !isDigest(c.Pinned):
		return fmt.Errorf("Config.Pinned is %.70q; give a digest of 64 hexadecimal digits in lower case", c.Pinned)
	case c.Audit != nil && typednil.Is(c.Audit):
		return errors.New("Config.Audit is a nil pointer in an interface; an earlier constructor may have returned an error")
	case c.Approvals != nil && typednil.Is(c.Approvals):
		return errors.New("Config.Approvals is a nil pointer in an interface; an earlier constructor may have returned an error")
	case c.Approvals != nil && c.Pinned == "":
		return errors.New("Config.Approvals is given without Config.Pinned, so that nothing need be approved; name the first version's digest")
	}
	return nil
}

func (c Config) check() error {
	if typednil.Is(c.Source) {
		return errors.New("Config.Source is missing; give a File, CSV or Adapter")
	}
	if len(c.Kinds) == 0 {
		return errors.New("Config.Kinds is empty; name the kinds that are registered")
	}
	if len(c.Tiers) == 0 {
		return errors.New("Config.Tiers is empty; name the tiers that targets can have")
	}
	if c.MaxStaleness < 0 {
		return fmt.Errorf("Config.MaxStaleness is %v; it can't be negative", c.MaxStaleness)
	}
	if err := c.checkVersions(); err != nil {
		return err
	}
	for _, kind := range c.Kinds {
		if strings.HasPrefix(kind, ownKinds) {
			return fmt.Errorf("Config.Kinds has %q; names that begin with %s are the library's own", kind, ownKinds)
		}
	}
	for _, f := range []struct {
		field string
		list  []string
	}{
		{"Config.Kinds", c.Kinds},
		{"Config.Tiers", c.Tiers},
		{"Config.Labels", c.Labels},
		{"Config.Domains", c.Domains},
	} {
		if err := checkNames(f.field, f.list); err != nil {
			return err
		}
	}
	return nil
}

// checkNames refuses names that rows could not name, or that mean something
// else there.
func checkNames(field string, list []string) error {
	for i, name := range list {
		problem := checkText(name)
		switch {
		case problem != "":
		case len(name) > moderation.MaxName:
			problem = fmt.Sprintf("has %d bytes; at most %d are allowed", len(name), moderation.MaxName)
		case name == "-" || strings.ContainsAny(name, "*@&|"):
			problem = "means something else in a policy; use no *, @, &, | and more than a -"
		case slices.Contains(list[:i], name):
			problem = "is named twice"
		}
		if problem != "" {
			return fmt.Errorf("%s: %s %s", field, quote(name), problem)
		}
	}
	return nil
}

func (c Config) clone() Config {
	c.Kinds, c.Tiers = slices.Clone(c.Kinds), slices.Clone(c.Tiers)
	c.Labels, c.Domains = slices.Clone(c.Labels), slices.Clone(c.Domains)
	return c
}

// name is what an error about the whole policy names.
func (c Config) name() string {
	switch s := c.Source.(type) {
	case file:
		return s.path
	case inline:
		return s.name
	case *adapter:
		return s.name
	}
	return fmt.Sprintf("%T", c.Source)
}
