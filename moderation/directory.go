package moderation

import (
	"context"
	"time"
)

// Directory is the host's authority on who people are and what targets are.
// The guard asks it afresh for every decision and believes nobody else.
//
// A method that can't answer, or does not know whom it is asked about, returns
// an error; [ErrUnknownActor] and [ErrUnknownTarget] say which. Anything
// missing in an answer (a zero status, no person, no tier) is refused, and so
// is an answer about someone else than was asked for. Methods may be called by
// many goroutines at once and should return soon after ctx is done; the guard
// waits no longer than Config.DecideTimeout.
type Directory interface {
	// Actor returns what is known now of a login.
	Actor(ctx context.Context, login string) (Actor, error)
	// Resolve returns the canonical ID that a handle or ID stands for now. An
	// ID stands for itself, also where somebody's handle looks like it.
	Resolve(ctx context.Context, handle string) (targetID string, err error)
	// Target returns what is known now of a canonical ID. A handle is none.
	Target(ctx context.Context, targetID string) (Target, error)
}

// Actor is a login and the human behind it. The zero Actor is refused.
type Actor struct {
	// Login is the login that was asked for, letter by letter.
	Login string
	// Person is the human: the same for all logins of one human. For a
	// service it is the human who answers for it (its transitive owner), who
	// pays its limits.
	Person string
	// Type tells people from services.
	Type ActorType
	// Status tells whether the login may act at all.
	Status ActorStatus
	// LastDay is when the person's work ends: [LastDayOn], [LastDayAt], or
	// [NoLastDay] in so many words.
	LastDay LastDay
	// Owners are the further persons who own a service (a team, say). None
	// of them may approve what the service asks for.
	Owners []string
	// Labels are facts that policy may hold against an actor or ask more
	// for, without the leading @. They never grant anything. The guard adds
	// [LabelLeaving] and [LabelService] itself.
	Labels []string
	// AsOf is when these facts were true, for a directory that answers from a
	// copy. Zero means now. Facts older than Config.MaxStaleness are refused.
	AsOf time.Time
}

// Labels that the guard derives itself.
const (
	LabelLeaving = "leaving" // within Config.Notice of the last day's end
	LabelService = "service" // the actor is a service
)

// ActorType tells people from services. The zero ActorType is refused.
type ActorType string

// The types of actor.
const (
	Human   ActorType = "human"
	Service ActorType = "service"
)

// ActorStatus tells whether a login may act. Every status but Active refuses.
type ActorStatus string

// The statuses of an actor.
const (
	Active    ActorStatus = "active"
	Suspended ActorStatus = "suspended"
	Departed  ActorStatus = "departed"
)

// LastDay is the end of a person's work: an instant, or explicitly none. The
// zero LastDay is unknown and refuses.
type LastDay struct {
	end  time.Time
	none bool
}

// NoLastDay says that no end of the person's work is known.
func NoLastDay() LastDay { return LastDay{none: true} }

// LastDayAt says that the person's work ends at an instant. The zero time is
// no instant; the result is then unknown.
func LastDayAt(end time.Time) LastDay { return LastDay{end: end} }

// LastDayOn says that the person's work ends with a calendar day in the zone
// where the person works. A nil zone leaves the result unknown.
func LastDayOn(year int, month time.Month, day int, zone *time.Location) LastDay {
	if zone == nil {
		return LastDay{}
	}
	return LastDay{end: time.Date(year, month, day+1, 0, 0, 0, 0, zone)}
}

// Known reports whether the last day is stated, be it as none.
func (d LastDay) Known() bool { return d.none || !d.end.IsZero() }

// End returns when work ends; ok is false where it is unknown or none.
func (d LastDay) End() (end time.Time, ok bool) { return d.end, !d.none && !d.end.IsZero() }

// Equal reports whether two last days say the same; for go-cmp.
func (d LastDay) Equal(o LastDay) bool { return d.none == o.none && d.end.Equal(o.end) }

// Target is whom or what an action is done to. The zero Target is refused.
type Target struct {
	// ID is the canonical ID that was asked for. It never changes hands.
	ID string
	// Tier is how protected it is; one of Config.Tiers.
	Tier string
	// Domain is the part of the service that it belongs to, such as a
	// language or a product. Required; a host with one domain uses one name.
	Domain string
	// Owners are the persons whose account or thing it is. None of them may
	// act on it.
	Owners []string
	// Conflicts are the persons with a declared conflict of interest.
	Conflicts []string
	// Reach is how many people are affected with it (followers, readers);
	// not negative.
	Reach int64
	// AsOf is when these facts were true; see Actor.AsOf.
	AsOf time.Time
}
