package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// lists reads tickets and returns their IDs.
func (h *vbHost) lists(actor string, q moderation.Query) ([]string, error) {
	ids := []string{}
	for ticket, err := range h.guard.Tickets(h.t.Context(), actor, q) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, ticket.ID)
	}
	return ids, nil
}

func TestTicketIsReadByWhoMay(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, by string
		setUp    func(h *vbHost)
		want     moderation.Code
	}{
		{"the requester, whose roles are gone", "mod", func(h *vbHost) { h.holds("mod") }, ""},
		{"one with the right", "mod2", nil, ""},
		{"one with the right, when the target is gone", "mod2", func(h *vbHost) { h.directory.RemoveTarget("vip-1") }, ""},
		{"one without", "stranger", nil, moderation.CodeNoRule},
		{"nobody who is known", "nobody", nil, moderation.CodeUnknownActor},
		{"one whose last day is over", "gone", nil, moderation.CodePastLastDay},
		{"the requester, who has left", "mod", func(h *vbHost) {
			h.change("mod", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}, moderation.CodeInactive},
		{"somebody else under the requester's login", "mod", func(h *vbHost) {
			h.holds("mod")
			h.change("mod", func(a *moderation.Actor) { a.Person = "p-new" })
		}, moderation.CodeNoRule},
		{"nobody at all", "", nil, moderation.CodeInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			if tc.setUp != nil {
				tc.setUp(h)
			}
			got, err := h.guard.Ticket(t.Context(), tc.by, ticket.ID)
			if tc.want == "" {
				if err != nil || got.ID != ticket.ID {
					t.Errorf("ticket %q, %v", got.ID, err)
				}
				ids, err := h.lists(tc.by, moderation.Query{})
				if diff := cmp.Diff([]string{ticket.ID}, ids); diff != "" || err != nil {
					t.Errorf("listed (-want +got):\n%s%v", diff, err)
				}
				return
			}
			wantCode(t, err, tc.want)
			if diff := cmp.Diff(moderation.Ticket{}, got); diff != "" {
				t.Errorf("a ticket came back with the refusal:\n%s", diff)
			}
			if ids, _ := h.lists(tc.by, moderation.Query{}); len(ids) > 0 {
				t.Errorf("listed %v", ids)
			}
		})
	}
}

func TestTicketsThatMayNotBeReadAreLeftOut(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.denies(func(q moderation.Question) bool {
		return q.Step == moderation.StepRead && q.Target.Tier == "protected"
	})
	hidden, own := h.asks("mod", "@vip"), h.asks("mod2", "@vip")
	h.clock.pass(time.Second)
	open := h.does(suspend("mod", "@one", ""))
	ids, err := h.lists("mod2", moderation.Query{})
	if diff := cmp.Diff([]string{own.ID, open.ID}, ids); diff != "" || err != nil {
		t.Errorf("listed without %s (-want +got):\n%s%v", hidden.ID, diff, err)
	}
}

func TestListThatCouldNotBeFinishedSaysSo(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(h *vbHost){
		"policy":    func(h *vbHost) { h.authorizer.OnDecide.Inject(moderationtest.Fail(nil)) },
		"directory": func(h *vbHost) { h.directory.OnActor.Inject(moderationtest.Fail(nil)) },
	} {
		h := vbOpen(t)
		h.asks("mod", "@vip")
		fail(h)
		if ids, err := h.lists("mod2", moderation.Query{}); !errors.Is(err, moderation.ErrUnavailable) {
			t.Errorf("%s fails: listed %v, %v; want an error", name, ids, err)
		}
	}
}

func TestTicketsThatAreReadAreCopies(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	a := suspend("mod", "@vip", h.key())
	a.Parameters = map[string]string{"scope": "posts"}
	ticket, err := h.guard.Do(t.Context(), a)
	wantPending(t, err)
	h.approves(ticket, "lead")
	scribble := func(t moderation.Ticket) {
		t.Action.Parameters["scope"] = "all"
		t.Requirement.Quorum.Slots[0][0] = "moderator"
		t.Requirement.Rules[0].Source = "scribble"
		t.Open[0][0] = "moderator"
		t.Reviews[0].Person, t.Reviews[0].Roles[0] = "p-new", "moderator"
		t.Rules[0].Source = "scribble"
	}
	want := h.snapshot(ticket.ID)
	scribble(h.shows(ticket))
	for got, err := range h.guard.Tickets(t.Context(), "lead", moderation.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		scribble(got)
	}
	a.Parameters["scope"] = "all"
	if again, err := h.guard.Advance(t.Context(), ticket.ID); err != nil {
		t.Fatal(err)
	} else {
		scribble(again)
	}
	if diff := cmp.Diff(want, h.shows(ticket)); diff != "" {
		t.Errorf("whoever reads a ticket can edit it (-want +got):\n%s", diff)
	}
}

func TestTicketsAreSelectedByQuery(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	one := h.does(suspend("mod", "@one", "k1"))
	h.clock.pass(time.Second)
	vip := h.asks("mod2", "@vip")
	h.clock.pass(time.Second)
	limit := h.does(moderation.Action{Kind: moderation.Limit, Actor: "bot", Target: "@one", Reason: "spam"})
	h.approves(vip, "lead")
	for name, tc := range map[string]struct {
		q    moderation.Query
		want []moderation.Ticket
	}{
		"all":                 {moderation.Query{}, []moderation.Ticket{one, vip, limit}},
		"by requester":        {moderation.Query{Requester: "mod"}, []moderation.Ticket{one}},
		"by key":              {moderation.Query{Requester: "mod", Key: "k1"}, []moderation.Ticket{one}},
		"by person":           {moderation.Query{Person: "p-mod"}, []moderation.Ticket{one, limit}},
		"by reviewing person": {moderation.Query{Person: "p-lead"}, []moderation.Ticket{vip}},
		"by target":           {moderation.Query{Target: "acct-1"}, []moderation.Ticket{one, limit}},
		"by kind":             {moderation.Query{Kind: moderation.Limit}, []moderation.Ticket{limit}},
		"by status":           {moderation.Query{Status: []moderation.Status{moderation.StatusPending}}, []moderation.Ticket{vip}},
		"by due":              {moderation.Query{DueBy: h.clock.read().Add(24 * time.Hour)}, []moderation.Ticket{vip}},
		"after":               {moderation.Query{After: one.ID, Limit: 1}, []moderation.Ticket{vip}},
		"none":                {moderation.Query{Target: "acct-9"}, nil},
	} {
		wanted := []string{}
		for _, ticket := range tc.want {
			wanted = append(wanted, ticket.ID)
		}
		ids, err := h.lists("boss", tc.q)
		if diff := cmp.Diff(wanted, ids); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
}
