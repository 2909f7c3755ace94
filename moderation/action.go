package moderation

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Action is what someone wants done: the caller's claim, of which nothing is
// believed. Who the actor is and what the target is are asked of the
// [Directory]; whether it may be done is asked of the [Authorizer].
//
// The zero Action is refused. Texts must be valid UTF-8 without control
// characters (reasons may have line breaks and tabs) and no longer than the
// Max constants.
type Action struct {
	// Kind names a registered [Kind]. Required.
	Kind string `json:"kind"`
	// Actor is the login that asks. Required. The host must have
	// authenticated it.
	Actor string `json:"actor"`
	// Target is the handle or ID of the account or thing as the actor knows
	// it. Required. It is resolved once; from then on the canonical ID counts.
	Target string `json:"target"`
	// Tier is the tier that the actor believes the target to have. Optional;
	// where it is stated and wrong, the action is refused.
	Tier string `json:"tier,omitempty"`
	// Reason is why, in the actor's words. Required.
	Reason string `json:"reason"`
	// Case is the host's reference to a report or case.
	Case string `json:"case,omitempty"`
	// Parameters are handed to the handler as they are and are part of what
	// is approved. The guard copies them.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Duration is how long it lasts, at least a second, or [Permanent].
	// Required for kinds that are Timed (zero is refused), refused for others.
	Duration time.Duration `json:"duration,omitempty"`
	// Key is the idempotency key: the same actor's same key is the same
	// action, once and for ever. Required.
	Key string `json:"key"`
}

// Permanent is the Duration of what lasts until it is undone.
const Permanent time.Duration = math.MaxInt64

// Bounds of an action's texts, in bytes, and of its parameters.
const (
	MaxName       = 256       // kind, actor, target, tier, domain, case, key
	MaxReason     = 4096      // reasons of all verbs
	MaxParameters = 32        // number of parameters
	MaxParameter  = 1024      // a parameter's name and value together
	MaxUndoToken  = 16 * 1024 // what a handler says it changed: UTF-8 without NUL
)

// validate reports the first field that is missing or malformed.
func (a Action) validate() error {
	for _, f := range []struct {
		field, value string
		required     bool
	}{
		{"Action.Kind", a.Kind, true},
		{"Action.Actor", a.Actor, true},
		{"Action.Target", a.Target, true},
		{"Action.Tier", a.Tier, false},
		{"Action.Case", a.Case, false},
		{"Action.Key", a.Key, true},
	} {
		if err := checkName(f.field, f.value, f.required); err != nil {
			return err
		}
	}
	if err := checkReason("Action.Reason", a.Reason); err != nil {
		return err
	}
	return a.validateParameters()
}

func (a Action) validateParameters() error {
	if len(a.Parameters) > MaxParameters {
		return invalid("Action.Parameters", fmt.Sprintf("has %d entries; at most %d are allowed", len(a.Parameters), MaxParameters))
	}
	for name, value := range a.Parameters {
		if err := checkName("Action.Parameters", name, true); err != nil {
			return err
		}
		if len(name)+len(value) > MaxParameter {
			return invalid("Action.Parameters", fmt.Sprintf("%.40q and its value have %d bytes; at most %d are allowed", name, len(name)+len(value), MaxParameter))
		}
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return invalid("Action.Parameters", fmt.Sprintf("the value of %.40q is not valid UTF-8, or has a NUL", name))
		}
	}
	return nil
}

// validateDuration holds a duration against what the kind asks for.
func (a Action) validateDuration(k Kind) error {
	switch {
	case !k.Timed && a.Duration != 0:
		return invalid("Action.Duration", "is set, but "+k.Name+" does not last; leave it zero")
	case k.Timed && a.Duration == 0:
		return invalid("Action.Duration", "is missing; "+k.Name+" needs one, or Permanent in so many words")
	case k.Timed && a.Duration < time.Second:
		return invalid("Action.Duration", fmt.Sprintf("is %v; at least a second is needed", a.Duration))
	}
	return nil
}

// checkName refuses what is empty though required, too long, not UTF-8, or
// has white space at its ends or control characters: names that look alike
// must be alike.
func checkName(field, value string, required bool) error {
	switch {
	case value == "" && required:
		return invalid(field, "is empty; it is required")
	case len(value) > MaxName:
		return invalid(field, fmt.Sprintf("has %d bytes; at most %d are allowed", len(value), MaxName))
	case !utf8.ValidString(value):
		return invalid(field, "is not valid UTF-8")
	}
	for i, r := range value {
		if unicode.IsSpace(r) && r != ' ' && !invisible(r) {
			return invalid(field, fmt.Sprintf("has white space that is no plain blank (%U)", r))
		}
		if invisible(r) {
			return invalid(field, fmt.Sprintf("has an invisible character (%U)", r))
		}
		if r == ' ' && (i == 0 || i+1 == len(value)) {
			return invalid(field, "begins or ends with white space")
		}
	}
	return nil
}

// invisible reports whether a character can make two texts look alike that are
// not: controls, formatting, fillers, variation selectors.
func invisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank || unicode.IsControl(r) ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// checkReason refuses an empty or malformed reason.
func checkReason(field, value string) error {
	switch {
	case value == "":
		return invalid(field, "is empty; say why")
	case len(value) > MaxReason:
		return invalid(field, fmt.Sprintf("has %d bytes; at most %d are allowed", len(value), MaxReason))
	case !utf8.ValidString(value):
		return invalid(field, "is not valid UTF-8")
	}
	blank := true
	for _, r := range value {
		lineBreak := r == '\n' || r == '\t' || r == '\r'
		if unicode.IsControl(r) && !lineBreak || unicode.Is(unicode.Bidi_Control, r) {
			return invalid(field, fmt.Sprintf("has a control character (%U), with which a text can show other than it is", r))
		}
		blank = blank && (unicode.IsSpace(r) || invisible(r))
	}
	if blank {
		return invalid(field, "is blank; say why")
	}
	return nil
}
