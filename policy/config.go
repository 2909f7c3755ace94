package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// brought it. Zero trusts it until it is replaced, which fits a policy
	// that is deployed with the program; decisions then have no AsOf. With a
	// bound, decisions tell by AsOf when the version's load began, and past
	// the bound request, bypass and unfreeze are denied with
	// moderation.CodeStale. The other steps are still answered, since they
	// take restrictions back or stop them, and the guard has its own bound.
	// Not negative.
	MaxStaleness time.Duration
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
