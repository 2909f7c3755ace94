package moderation

import "context"

// MemberStatuses returns what became of the members of a batch so far: for each
// place of the set the status of the member's ticket, empty where it has none yet.
// The members must be the set that the mandate pins. It calls no handler, decides
// nothing and records nothing; like BeginStage it has no actor. Errors are a
// [*Refusal]. The slice, 16 bytes a member, is the caller's.
func (g *Guard) MemberStatuses(ctx context.Context, mandate string, members *MemberSet) ([]Status, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.exit()
	if err := checkName("the mandate", mandate, true); err != nil {
		return nil, err
	}
	now, _ := g.clock.now()
	q := g.inquiry(StepRead, now)
	return inquire(ctx, q, func(ctx context.Context) ([]Status, error) {
		t, err := q.ticket(ctx, mandate)
		if err != nil {
			return nil, err
		}
		if err := t.pins(members); err != nil {
			return nil, err
		}
		return q.memberStatuses(ctx, mandate, members)
	})
}

func (q *inquiry) memberStatuses(ctx context.Context, mandate string, members *MemberSet) ([]Status, error) {
	if err := q.ask(ctx, &askedStore); err != nil {
		return nil, err
	}
	statuses := make([]Status, members.Len())
	for t, err := range q.g.store.Tickets(ctx, Query{Mandate: mandate}) {
		if err != nil {
			return nil, unavailable(CodeStore, err)
		}
		place, found := members.Find(t.Subject.ID)
		if !found {
			return nil, lied(CodeStore, "ticket %s of the batch %s is about %s, which is no member of it", t.ID, mandate, t.Subject.ID)
		}
		if t.Status != StatusRefused || statuses[place] == "" { // a refused one is not a member's last
			statuses[place] = t.Status
		}
	}
	return statuses, nil
}
