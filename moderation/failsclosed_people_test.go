package moderation_test

import (
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// actor changes what the directory knows of a login.
func (w *fcWorld) actor(login string, change func(*moderation.Actor)) {
	w.t.Helper()
	a, err := w.directory.Actor(w.t.Context(), login)
	if err != nil {
		w.t.Fatal(err)
	}
	change(&a)
	w.directory.SetActor(a)
}

// target changes what the directory knows of a target. Without handles it
// keeps the one of newWorld.
func (w *fcWorld) target(id string, change func(*moderation.Target), handles ...string) {
	w.t.Helper()
	target, err := w.directory.Target(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	change(&target)
	if len(handles) == 0 {
		handles = []string{map[string]string{"acct-1": "@one", "acct-2": "@two", "vip-1": "@vip"}[id]}
	}
	w.directory.SetTarget(target, handles...)
}

func fcAbout(login string, change func(*moderation.Actor)) func(*fcWorld) {
	return func(w *fcWorld) { w.actor(login, change) }
}

func fcThing(id string, change func(*moderation.Target), handles ...string) func(*fcWorld) {
	return func(w *fcWorld) { w.target(id, change, handles...) }
}

// fcIdentityRows are about what no policy can allow.
func fcIdentityRows() []fcRow {
	own := func(t *moderation.Target) { t.Owners = []string{"p-other", "p-mod"} }
	conflict := func(t *moderation.Target) { t.Conflicts = []string{"p-other", "p-mod"} }
	bot := fcDo(suspend("bot", "@one", "k"))
	ends := func(after time.Duration) func(*fcWorld) {
		return fcAbout("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now().Add(after)) })
	}
	remove := suspend("mod", "@one", "k")
	remove.Kind, remove.Duration = moderation.Remove, 0
	return []fcRow{
		{name: "nobody acts on their own account", act: fcDo(suspend("mod", "@mod", "k")), code: moderation.CodeSelf, is: []error{moderation.ErrDenied}},
		{name: "nobody acts on what they own with others", fault: fcThing("acct-1", own), code: moderation.CodeSelf},
		{name: "nobody acts on a target whose ID is their person", fault: fcThing("acct-1", func(t *moderation.Target) { t.ID = "p-mod" }, "@p-mod"), act: fcDo(suspend("mod", "@p-mod", "k")), code: moderation.CodeSelf},
		{name: "nobody acts on a target whose ID is their login", fault: fcThing("acct-1", func(t *moderation.Target) { t.ID = "mod" }), act: fcDo(suspend("mod", "mod", "k")), code: moderation.CodeSelf},
		{name: "a service does not act on what its owner owns", fault: fcThing("acct-1", own), act: bot, code: moderation.CodeSelf},
		{name: "a service does not act on what one of its team owns", fault: fcThing("acct-1", func(t *moderation.Target) { t.Owners = []string{"p-mod2"} }), act: fcDo(suspend("teambot", "@one", "k")), code: moderation.CodeSelf},
		{name: "nobody acts in a conflict of interest", fault: fcThing("acct-1", conflict), code: moderation.CodeConflictOf, is: []error{moderation.ErrDenied}},
		{name: "a service does not act in its owner's conflict of interest", fault: fcThing("acct-1", conflict), act: bot, code: moderation.CodeConflictOf},
		{name: "nobody undoes what stands on their own account", given: fcExecuted, fault: fcThing("acct-1", own), act: fcUndo("mod"), code: moderation.CodeSelf},
		{name: "a suspended actor is refused", fault: fcAbout("mod", func(a *moderation.Actor) { a.Status = moderation.Suspended }), code: moderation.CodeInactive, says: []string{"suspended"}},
		{name: "a departed actor is refused", fault: fcAbout("mod", func(a *moderation.Actor) { a.Status = moderation.Departed }), code: moderation.CodeInactive, says: []string{"departed"}},
		{name: "an actor past the last day is refused", act: fcDo(suspend("gone", "@one", "k")), code: moderation.CodePastLastDay, is: []error{moderation.ErrDenied}},
		{name: "an actor is refused in the nanosecond in which the last day ends", fault: ends(0), code: moderation.CodePastLastDay, after: fcNoIntent},
		{name: "an actor is refused a nanosecond after the last day", fault: ends(-1), code: moderation.CodePastLastDay, after: fcNoIntent},
		{name: "an actor acts in the last nanosecond of the last day", fault: ends(1), ok: true, ran: 1},
		{name: "a last day ends with the day in its own zone", fault: fcAbout("mod", func(a *moderation.Actor) {
			// The bubble's clock begins at midnight UTC, 2000-01-01: in this zone
			// the last day of the year before has just ended.
			a.LastDay = moderation.LastDayOn(1999, time.December, 31, time.FixedZone("east", 1))
		}), code: moderation.CodePastLastDay},
		{name: "an irreversible kind that the policy leaves to one person is refused", act: fcDo(remove),
			world: func(w *world) { w.rules["request standard"] = fcNobody() }, code: moderation.CodeIrreversible, says: []string{"needed: "}},
		{name: "an irreversible kind can't be undone", given: func(w *fcWorld) {
			w.ticket = w.must(w.guard.Do(w.t.Context(), remove))
			for _, login := range []string{"lead", "lead2"} {
				w.ticket = w.must(w.guard.Approve(w.t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: login, Digest: w.ticket.Digest}))
			}
			time.Sleep(10 * time.Minute)
			w.ticket = w.must(w.guard.Advance(w.t.Context(), w.ticket.ID))
		}, act: fcUndo("mod"), code: moderation.CodeIrreversible},
		{name: "a leaver does not act on facts that could not be refreshed", given: fcExecuted, fault: func(w *fcWorld) {
			w.actor("leaver", func(a *moderation.Actor) { a.AsOf = time.Now().Add(-30 * time.Minute) })
		}, act: fcUndo("leaver"), code: moderation.CodeStale, says: []string{"leaving"}},
		{name: "a higher tier that was seen lately counts", given: func(w *fcWorld) {
			fcPending(w)
			w.target("vip-1", func(t *moderation.Target) { t.Tier = "standard" })
		}, act: func(w *fcWorld) error {
			a := suspend("mod2", "@vip", "k")
			a.Tier = "standard"
			return fcDo(a)(w)
		}, code: moderation.CodeTierMismatch},
		{name: "an older ticket's end does not hide the higher tier that was seen since", given: func(w *fcWorld) {
			w.target("vip-1", func(t *moderation.Target) { t.Tier = "standard" })
			w.rules["request standard"] = twoLeads()
			old := w.must(w.guard.Do(w.t.Context(), suspend("mod", "@vip", "old")))
			time.Sleep(time.Minute)
			w.target("vip-1", func(t *moderation.Target) { t.Tier = "protected" })
			fcPending(w)
			w.must(w.guard.Cancel(w.t.Context(), moderation.CancelRequest{Ticket: old.ID, Actor: "mod", Reason: "mistake"}))
			w.target("vip-1", func(t *moderation.Target) { t.Tier = "standard" })
			delete(w.rules, "request standard")
		}, act: func(w *fcWorld) error {
			a := suspend("mod2", "@vip", "k")
			a.Tier = "standard"
			return fcDo(a)(w)
		}, code: moderation.CodeTierMismatch},
	}
}

// fcNoIntent checks that it was refused when it was decided, not later.
func fcNoIntent(w *fcWorld) {
	if got := w.recordsOf(audit.EventIntent); len(got) > 0 {
		w.t.Errorf("the trail has %d intents", len(got))
	}
}

func fcNobody() moderation.Requirement {
	return moderation.Requirement{Quorum: moderation.Quorum{None: true}}
}

// fcReviewRows are about reviews that do not count when they are given, or
// not any more when it comes to execution.
func fcReviewRows() []fcRow {
	allow := func(w *fcWorld, login string) {
		w.authorizer.Set(login, moderation.StepApprove, moderation.Decision{Allowed: true, Roles: []string{"lead"}, Policy: policyDigest})
	}
	second := func(login, person string) func(*fcWorld) {
		return func(w *fcWorld) {
			w.directory.SetActor(moderation.Actor{Login: login, Person: person, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
			allow(w, login)
		}
	}
	approved := func(w *fcWorld) {
		fcPending(w)
		if err := fcApprove("lead")(w); err != nil {
			w.t.Fatal(err)
		}
	}
	by := func(actor string) func(*fcWorld) {
		return func(w *fcWorld) { w.ticket = w.must(w.guard.Do(w.t.Context(), suspend(actor, "@vip", "given"))) }
	}
	rows := []fcRow{
		{name: "nobody approves what they asked for", given: fcPending, fault: func(w *fcWorld) { allow(w, "mod") }, act: fcApprove("mod"), code: moderation.CodeOwnRequest},
		{name: "nobody approves what they asked for by another login", given: by("mod3"), act: fcApprove("mod3-alt"), code: moderation.CodeOwnRequest},
		{name: "nobody approves what their service asked for", given: by("bot"), fault: func(w *fcWorld) { allow(w, "mod") }, act: fcApprove("mod"), code: moderation.CodeOwnRequest},
		{name: "nobody approves what their team's service asked for", given: by("teambot"), fault: func(w *fcWorld) { allow(w, "mod2") }, act: fcApprove("mod2"), code: moderation.CodeOwnRequest},
		{name: "nobody approves for a service that they own since it asked", given: by("bot"), fault: fcAbout("bot", func(a *moderation.Actor) { a.Owners = []string{"p-lead"} }), act: fcApprove("lead"), code: moderation.CodeOwnRequest},
		{name: "a service does not review", given: by("mod2"), fault: func(w *fcWorld) { allow(w, "bot") }, act: fcApprove("bot"), code: moderation.CodeService},
		{name: "one person does not fill two slots", given: approved, act: fcApprove("lead"), code: moderation.CodeAlreadyCounted},
		{name: "one person does not fill two slots with two logins", given: approved, fault: second("lead-alt", "p-lead"), act: fcApprove("lead-alt"), code: moderation.CodeAlreadyCounted},
		{name: "one login does not fill two slots as two persons", given: approved, fault: fcAbout("lead", func(a *moderation.Actor) { a.Person = "p-new" }), act: fcApprove("lead"), code: moderation.CodeAlreadyCounted},
		{name: "a leaver's approval does not count", given: fcPending, act: fcApprove("leaver"), code: moderation.CodeLeaving},
		{name: "an approval past the last day does not count", given: fcPending, fault: func(w *fcWorld) { allow(w, "gone") }, act: fcApprove("gone"), code: moderation.CodePastLastDay},
		{name: "an approval without the right does not count", given: fcPending, act: fcApprove("mod2"), code: moderation.CodeNoRule},
		{name: "an approval without the role of an open slot does not count", given: fcPending, fault: func(w *fcWorld) {
			w.authorizer.Set("mod2", moderation.StepApprove, moderation.Decision{Allowed: true, Roles: []string{"moderator", moderation.Any}, Policy: policyDigest})
		}, act: fcApprove("mod2"), code: moderation.CodeNotEligible},
		{name: "nobody approves what is done to what is theirs", given: fcPending, fault: fcThing("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} }), act: fcApprove("lead"), code: moderation.CodeSelf},
		{name: "nobody approves in a conflict of interest", given: fcPending, fault: fcThing("vip-1", func(t *moderation.Target) { t.Conflicts = []string{"p-lead"} }), act: fcApprove("lead"), code: moderation.CodeConflictOf},
		{name: "nobody approves for a requester who has left", given: fcPending, fault: fcAbout("mod", func(a *moderation.Actor) { a.Status = moderation.Departed }), act: fcApprove("lead"), code: moderation.CodeInactive},
		{name: "an approval of another digest does not count", given: func(w *fcWorld) {
			fcPending(w)
			w.ticket.Digest[31]++
		}, act: fcApprove("lead"), code: moderation.CodeDigest},
		{name: "an approval of another ticket's digest does not count", given: func(w *fcWorld) {
			fcPending(w)
			other := w.must(w.guard.Do(w.t.Context(), suspend("mod", "@vip", "other")))
			w.ticket.Digest = other.Digest
		}, act: fcApprove("lead"), code: moderation.CodeDigest},
		{name: "an approval in the moment of the deadline does not count", given: func(w *fcWorld) {
			fcPending(w)
			time.Sleep(24 * time.Hour)
		}, act: fcApprove("lead"), code: moderation.CodeTooLate},
		{name: "an approval of what is held already does not count", given: fcHeld, fault: second("third", "p-third"), act: fcApprove("third"), code: moderation.CodeNotOpen},
		{name: "an approval of what is executed does not count", given: fcExecuted, act: fcApprove("lead"), code: moderation.CodeNotOpen},
		{name: "who rejected it does not approve it when it is asked for again", given: func(w *fcWorld) {
			fcPending(w)
			w.must(w.guard.Reject(w.t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: "lead", Digest: w.ticket.Digest, Reason: "no"}))
			w.ticket = w.must(w.guard.Do(w.t.Context(), suspend("mod2", "@vip", "again")))
			if len(w.ticket.Open) != 3 {
				w.t.Errorf("%d slots are open, want 3", len(w.ticket.Open))
			}
		}, act: fcApprove("lead"), code: moderation.CodeNeedsOthers},
		{name: "a rejection beyond its budget does not count", given: fcPending, fault: func(w *fcWorld) {
			w.limiter.AnswerWith(func(moderation.Charge) (moderation.Usage, error) { return moderation.Usage{RetryAfter: time.Hour}, nil })
		}, act: func(w *fcWorld) error {
			_, err := w.guard.Reject(w.t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: "lead", Digest: w.ticket.Digest, Reason: "no"})
			return err
		}, code: moderation.CodeLimited, after: func(w *fcWorld) { w.wantStatus(moderation.StatusPending) }},
		{name: "whom it is about does not cancel it", given: func(w *fcWorld) {
			fcPending(w)
			w.target("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} })
		}, act: func(w *fcWorld) error {
			_, err := w.guard.Cancel(w.t.Context(), moderation.CancelRequest{Ticket: w.ticket.ID, Actor: "lead", Reason: "mine"})
			return err
		}, code: moderation.CodeSelf},
	}
	return append(rows, fcAgainRows()...)
}

// fcAgainRows break something between the approvals and the execution.
func fcAgainRows() []fcRow {
	status := func(s moderation.Status) func(*fcWorld) { return func(w *fcWorld) { w.wantStatus(s) } }
	waits := func(name string, s moderation.Status, fault func(*fcWorld)) fcRow {
		return fcRow{name: name, given: fcReady, fault: fault, act: fcAdvance, ok: true, after: status(s)}
	}
	ends := func(name string, code moderation.Code, fault func(*fcWorld)) fcRow {
		return fcRow{name: name, given: fcReady, fault: fault, act: fcAdvance, code: code, after: status(moderation.StatusRefused)}
	}
	voids := func(name, login string, change func(*moderation.Actor)) fcRow {
		return waits("at execution "+name, moderation.StatusPending, fcAbout(login, change))
	}
	rows := []fcRow{
		voids("a suspended approver does not count", "lead", func(a *moderation.Actor) { a.Status = moderation.Suspended }),
		voids("an approver past the last day does not count", "lead2", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now()) }),
		voids("an approver who is leaving by now does not count", "lead", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now().Add(time.Hour)) }),
		voids("two approvers who are one person count once", "lead2", func(a *moderation.Actor) { a.Person = "p-lead" }),
		voids("an approver who is the requester's person does not count", "lead", func(a *moderation.Actor) { a.Person = "p-mod" }),
		voids("an approver who became a service does not count", "lead", func(a *moderation.Actor) { a.Type = moderation.Service }),
		waits("at execution an approver whom nobody knows any more does not count", moderation.StatusPending, func(w *fcWorld) { w.directory.RemoveActor("lead") }),
		waits("at execution an approver who lost the right does not count", moderation.StatusPending, func(w *fcWorld) {
			w.authorizer.Set("lead", moderation.StepApprove, moderation.Decision{Policy: policyDigest})
		}),
		waits("at execution an approver who lost the role does not count", moderation.StatusPending, func(w *fcWorld) {
			w.authorizer.Set("lead", moderation.StepApprove, moderation.Decision{Allowed: true, Roles: []string{"moderator"}, Policy: policyDigest})
		}),
		waits("at execution an approver who owns the target by now does not count", moderation.StatusPending, fcThing("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} })),
		waits("at execution an approver in a conflict by now does not count", moderation.StatusPending, fcThing("vip-1", func(t *moderation.Target) { t.Conflicts = []string{"p-lead2"} })),
		waits("at execution a policy that asks for more approvals is heard", moderation.StatusPending, func(w *fcWorld) {
			w.rules["request protected"] = moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}, {"lead"}, {"lead"}}}, Deadline: 24 * time.Hour}
		}),
		waits("at execution a policy that asks for a longer hold is heard", moderation.StatusHeld, func(w *fcWorld) {
			r := twoLeads()
			r.Hold = 10*time.Minute + 1
			w.rules["request protected"] = r
		}),
		waits("at execution a policy whose deadline has passed is heard", moderation.StatusTimedOut, func(w *fcWorld) {
			w.rules["request protected"] = moderation.Requirement{Quorum: twoLeads().Quorum, Deadline: 10 * time.Minute}
		}),
		waits("at execution a policy that asks for fewer approvals does not void those asked for then", moderation.StatusPending, func(w *fcWorld) {
			w.rules["request protected"] = fcNobody()
			w.actor("lead", func(a *moderation.Actor) { a.Status = moderation.Suspended })
		}),
		waits("at execution an exhausted limit is waited for", moderation.StatusHeld, func(w *fcWorld) {
			w.limiter.AnswerWith(func(moderation.Charge) (moderation.Usage, error) { return moderation.Usage{RetryAfter: time.Hour}, nil })
		}),
		waits("at execution a limit can ask for further approvals", moderation.StatusPending, func(w *fcWorld) {
			w.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				return moderation.Usage{Allowed: len(c.Overrun) > 0, Over: []moderation.Slot{{"director"}}}, nil
			})
		}),
		waits("at execution a freeze is waited for", moderation.StatusHeld, func(w *fcWorld) {
			w.must(w.guard.Freeze(w.t.Context(), moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{Tier: "protected"}, Duration: time.Hour, Reason: "storm", Key: "f"}))
		}),
		ends("at execution a suspended requester is refused", moderation.CodeInactive, fcAbout("mod", func(a *moderation.Actor) { a.Status = moderation.Suspended })),
		ends("at execution a requester past the last day is refused", moderation.CodePastLastDay, fcAbout("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now()) })),
		ends("at execution a requester's login that belongs to someone else is refused", moderation.CodeInactive, fcAbout("mod", func(a *moderation.Actor) { a.Person = "p-new" })),
		ends("at execution a requester whom nobody knows any more is refused", moderation.CodeUnknownActor, func(w *fcWorld) { w.directory.RemoveActor("mod") }),
		ends("at execution a requester who owns the target by now is refused", moderation.CodeSelf, fcThing("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-mod"} })),
		ends("at execution a requester in a conflict by now is refused", moderation.CodeConflictOf, fcThing("vip-1", func(t *moderation.Target) { t.Conflicts = []string{"p-mod"} })),
		ends("at execution a target that nobody knows any more is refused", moderation.CodeUnknownTarget, func(w *fcWorld) { w.directory.RemoveTarget("vip-1") }),
		ends("at execution a tier that nobody configured is refused", moderation.CodeUnknownTier, fcThing("vip-1", func(t *moderation.Target) { t.Tier = "royal" })),
		ends("at execution a policy that denies is heard", moderation.CodeDenied, func(w *fcWorld) {
			w.authorizer.Set("mod", moderation.StepRequest, moderation.Decision{Policy: "policy-2"})
		}),
		ends("at execution a policy that states no requirement is refused", moderation.CodeNoRequirement, func(w *fcWorld) {
			w.rules["request protected"] = moderation.Requirement{}
		}),
		ends("at execution more than a limit ever allows is refused", moderation.CodeNeverFits, func(w *fcWorld) {
			w.limiter.AnswerWith(func(moderation.Charge) (moderation.Usage, error) { return moderation.Usage{Never: true}, nil })
		}),
		{name: "at execution a kind that is not registered any more is refused", given: func(w *fcWorld) {
			fcReady(w)
			w.config.Kinds = w.config.Kinds[1:]
			w.open(w.t)
		}, act: fcAdvance, code: moderation.CodeUnknownKind, after: status(moderation.StatusRefused)},
		{name: "at execution the handle is not looked at again", given: fcReady, fault: func(w *fcWorld) {
			w.target("acct-1", func(*moderation.Target) {}, "@vip")
		}, act: fcAdvance, ok: true, ran: 1, after: func(w *fcWorld) {
			if got := w.handler.OnApply.Calls()[0].Target; got != "vip-1" {
				w.t.Errorf("the handler acted on %s", got)
			}
		}},
	}
	for _, s := range []fcSeam{
		{name: "at execution the directory, asked for people,", code: moderation.CodeDirectory, inject: func(w *fcWorld, f moderationtest.Fault) { w.directory.OnActor.Inject(f) }},
		{name: "at execution the directory, asked for an approver,", code: moderation.CodeDirectory, inject: func(w *fcWorld, f moderationtest.Fault) {
			w.directory.OnActor.InjectWhen(func(login string) bool { return login == "lead2" }, f)
		}},
		{name: "at execution the directory, asked for the target,", code: moderation.CodeDirectory, inject: func(w *fcWorld, f moderationtest.Fault) { w.directory.OnTarget.Inject(f) }},
		{name: "at execution the authorizer", code: moderation.CodePolicy, inject: func(w *fcWorld, f moderationtest.Fault) { w.authorizer.OnDecide.Inject(f) }},
		{name: "at execution the limiter", code: moderation.CodeLimiter, inject: func(w *fcWorld, f moderationtest.Fault) { w.limiter.OnTake.Inject(f) }},
	} {
		s.given, s.act, s.silent = fcReady, fcAdvance, true
		for _, r := range s.rows() {
			r.after = fcWaitsAndGoesOn
			rows = append(rows, r)
		}
	}
	return rows
}

// fcWaitsAndGoesOn checks that a ticket outlives what failed for a while.
func fcWaitsAndGoesOn(w *fcWorld) {
	w.wantStatus(moderation.StatusHeld)
	w.directory.OnActor.Heal()
	w.directory.OnTarget.Heal()
	w.authorizer.OnDecide.Heal()
	w.limiter.OnTake.Heal()
	if err := fcAdvance(w); err != nil || w.calls() != 1 {
		w.t.Errorf("when it was mended: %v, %d handler calls", err, w.calls())
	}
	w.wantStatus(moderation.StatusExecuted)
	if events := w.recordsOf(audit.EventVoided); len(events) > 0 || !slices.ContainsFunc(w.trail.Records(), func(r audit.Record) bool { return r.Event == audit.EventIntent }) {
		w.t.Errorf("the trail has %v", fcEvents(w.trail.Records()))
	}
}
