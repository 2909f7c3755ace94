package moderation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Some names the first of a number of things: at most [MostNamed].
type Some struct {
	Names []string // the first of them
	Count int      // how many there are in all
}

// MostNamed is how many members are named where some of them are in the way.
const MostNamed = 10

func (s *Some) add(name string) {
	if s.Count++; len(s.Names) < MostNamed {
		s.Names = append(s.Names, name)
	}
}

// refuse says what is wrong with these.
func (s Some) refuse(code Code, what string) *Refusal {
	text := strings.Join(s.Names, ", ")
	if more := s.Count - len(s.Names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return &Refusal{Code: code, Text: fmt.Sprintf("%d of the members %s: %s.", s.Count, what, text)}
}

// survey is what a look at all members of a batch found.
type survey struct {
	classes   []BatchClass
	reach     int64
	protected Some              // of a higher tier than was stated
	gone      Some              // not known any more
	theirs    Some              // what is the requester's own, or a conflict of interest
	standing  int               // on which the same stands already
	after     string            // a ticket on a member that was rejected or undone lately; and
	barred    []string          // who took part in such
	void      map[string]string // reviewers who have a part in a member
	owners    []uint64          // who has a part in a member, as hashes
	whose     marks             // the same for the record
}

// surveyor looks at all members on behalf of one decision.
type surveyor struct {
	guard     *Guard
	action    Action // with the tier that was stated
	requester Actor
	reviewers []Actor
	since     time.Time // what was rejected or undone after it counts
	found     *survey
	index     map[[2]string]int // of classes
}

// fact is what is known of a member.
type fact struct {
	target  Target
	subject Subject
	head    Head
	gone    bool
}

// look asks about every member, some at a time. What was asked first may be older
// than Config.MaxStaleness when it ends: each member is looked at again before its
// own handler is called.
func (s *surveyor) look(ctx context.Context, set *MemberSet) (*survey, error) {
	s.found = &survey{void: make(map[string]string), whose: marks{root: set.Root()}}
	s.index = make(map[[2]string]int)
	for from := 0; from < set.Len(); from += chunk {
		now, _ := s.guard.clock.now()
		q := s.guard.inquiry(StepRequest, now)
		facts, err := inquire(ctx, q, func(ctx context.Context) ([]fact, error) {
			return q.facts(ctx, set, from, min(from+chunk, set.Len()))
		})
		if err != nil {
			return nil, err
		}
		for i := range facts {
			if err := s.take(set.ID(from+i), &facts[i], now); err != nil {
				return nil, err
			}
		}
	}
	s.sort()
	return s.found, nil
}

// facts asks about some members.
func (q *inquiry) facts(ctx context.Context, set *MemberSet, from, to int) ([]fact, error) {
	facts := make([]fact, to-from)
	for i := range facts {
		f, id := &facts[i], set.ID(from+i)
		var err error
		if f.head, err = q.head(ctx, id); err != nil {
			return nil, err
		}
		f.target, f.subject, err = q.target(ctx, id, f.head)
		if f.gone = hasCode(err, CodeUnknownTarget); err != nil && !f.gone {
			return nil, err
		}
	}
	return facts, nil
}

// take adds what is known of a member.
func (s *surveyor) take(id string, f *fact, now time.Time) error {
	if f.gone {
		s.found.gone.add(id)
		return nil
	}
	tiers := s.guard.config.Tiers
	if slices.Index(tiers, f.subject.Tier) > slices.Index(tiers, s.action.Tier) {
		s.found.protected.add(id)
	}
	if mayTouch(s.requester, f.target) != nil {
		s.found.theirs.add(id)
	}
	for _, a := range s.reviewers {
		if err := mayTouch(a, f.target); err != nil {
			s.found.void[a.Login] = asRefusal(err).Text
		}
	}
	for _, name := range slices.Concat(f.target.Owners, f.target.Conflicts, []string{id}) {
		s.found.owners = append(s.found.owners, s.guard.batches.hash(name))
		s.found.whose.add(name)
	}
	about := findings{action: s.action, subject: f.subject, head: f.head, call: CallApply}
	if alreadyStands(f.head, &about, now) != nil {
		s.found.standing++
	}
	if about.lately(now, s.since, s.guard.config.Lately); len(about.extra) > 0 {
		s.found.after = about.after
		s.found.barred = union(s.found.barred, about.barred)
	}
	return s.count(f.subject)
}

// count adds a member to its class.
func (s *surveyor) count(subject Subject) error {
	key := [2]string{subject.Tier, subject.Domain}
	i, known := s.index[key]
	if !known {
		if i = len(s.found.classes); i == MaxClasses {
			return invalid("the members", fmt.Sprintf("are of more than %d tiers and domains; ask for them in parts", MaxClasses))
		}
		s.index[key] = i
		s.found.classes = append(s.found.classes, BatchClass{Tier: subject.Tier, Domain: subject.Domain})
	}
	class := &s.found.classes[i]
	class.Count++
	class.Reach = sumReach(class.Reach, subject.Reach)
	s.found.reach = sumReach(s.found.reach, subject.Reach)
	return nil
}

// sumReach adds, and stays at the highest number there is.
func sumReach(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func (s *surveyor) sort() {
	slices.SortFunc(s.found.classes, func(a, b BatchClass) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Domain, b.Domain))
	})
	slices.Sort(s.found.owners)
}

// subject is the set as a target: the tier is the one that was stated.
func (s *survey) subject(id, tier string, now time.Time) Subject {
	domain := s.classes[0].Domain
	for _, class := range s.classes {
		if class.Domain != domain {
			domain = Any
		}
	}
	return Subject{ID: id, Tier: tier, Domain: domain, Reach: s.reach, TierSeen: now}
}

// refusal says which members stop the whole.
func (s *survey) refusal() error {
	switch {
	case s.protected.Count > 0:
		return s.protected.refuse(CodeProtected, "are of a higher tier than was stated")
	case s.theirs.Count > 0:
		return s.theirs.refuse(CodeSelf, "are the requester's own, or a conflict of interest")
	case len(s.classes) == 0:
		return &Refusal{Code: CodeUnknownTarget, Text: "None of the members is known any more."}
	}
	return nil
}

// lately asks for one approver more, and for others than before, where a member's
// last ticket, or that of the same set, was rejected or undone after since.
func (s *survey) lately(f *findings, q *inquiry, since time.Time) error {
	slots := len(f.extra)
	f.lately(q.now, since, q.g.config.Lately)
	if s.after != "" {
		f.after, f.barred = s.after, union(f.barred, s.barred)
		f.extra = append(slices.Clip(f.extra[:slots]), Slot{Any})
	}
	if len(f.barred) > maxBarred {
		return &Refusal{Code: CodeNeedsOthers, Text: fmt.Sprintf("More than %d persons took part in what was rejected or undone lately among the members; ask for these apart.", maxBarred)}
	}
	return nil
}

// union returns the texts of both, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
