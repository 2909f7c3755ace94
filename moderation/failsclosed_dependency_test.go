package moderation_test

import (
	"context"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcFault is a way in which any dependency can fail to answer.
type fcFault struct {
	name  string
	fault moderationtest.Fault
	is    []error
	says  []string
}

func fcFaultsOfAll() []fcFault {
	return []fcFault{
		{"fails", moderationtest.Fail(errFC), []error{errFC}, nil},
		{"panics", moderationtest.Panic("boom"), nil, []string{"panicked: boom"}},
		{"hangs until it is told to stop", moderationtest.Hang(), []error{context.DeadlineExceeded}, nil},
		{"hangs for ever", moderationtest.HangForever(), []error{context.DeadlineExceeded}, nil},
		{"answers rightly, but too late", moderationtest.Late(), []error{context.DeadlineExceeded}, nil},
		{"answers rightly and returns an error", moderationtest.After(moderationtest.Fail(errFC)), []error{errFC}, nil},
	}
}

// fcSeam is a method of a dependency, and a call that needs its answer.
type fcSeam struct {
	name   string
	code   moderation.Code
	given  func(*fcWorld)
	act    func(*fcWorld) error
	silent bool
	inject func(*fcWorld, moderationtest.Fault)
}

func (s fcSeam) rows() []fcRow {
	var rows []fcRow
	for _, f := range fcFaultsOfAll() {
		rows = append(rows, fcRow{
			name: s.name + " " + f.name, given: s.given, act: s.act, silent: s.silent,
			fault: func(w *fcWorld) { s.inject(w, f.fault) },
			code:  s.code, is: append([]error{moderation.ErrUnavailable}, f.is...), says: f.says,
		})
	}
	return rows
}

// fcLie is an answer that contradicts the question or itself.
func fcLie[A any](name string, code moderation.Code, inject func(*fcWorld, moderationtest.Fault), lie func(w *fcWorld, a *A), says ...string) fcRow {
	return fcRow{name: name, code: code, says: says, fault: func(w *fcWorld) {
		inject(w, moderationtest.Lie(func(a A) A {
			lie(w, &a)
			return a
		}))
	}}
}

func fcDirectoryRows() []fcRow {
	actor := func(w *fcWorld, f moderationtest.Fault) { w.directory.OnActor.Inject(f) }
	resolve := func(w *fcWorld, f moderationtest.Fault) { w.directory.OnResolve.Inject(f) }
	target := func(w *fcWorld, f moderationtest.Fault) { w.directory.OnTarget.Inject(f) }
	rows := fcSeam{name: "the directory, asked who the actor is,", code: moderation.CodeDirectory, inject: actor}.rows()
	rows = append(rows, fcSeam{name: "the directory, asked what a handle stands for,", code: moderation.CodeDirectory, inject: resolve}.rows()...)
	rows = append(rows, fcSeam{name: "the directory, asked what the target is,", code: moderation.CodeDirectory, inject: target}.rows()...)
	about := func(name string, code moderation.Code, lie func(*fcWorld, *moderation.Actor), says ...string) {
		rows = append(rows, fcLie("the directory answers about "+name, code, actor, lie, says...))
	}
	about("another actor", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Login = "mod2" }, `"mod"`, `"mod2"`)
	about("nobody", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { *a = moderation.Actor{} })
	about("a login in other letters", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Login = "Mod" })
	about("an actor without a person", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Person = "" }, "lacks its person")
	about("an actor whose person ends in a space", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Person = "p-mod " })
	about("an actor whose person has an invisible character", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Person = "p-\u200bmod" })
	about("an actor whose person is not UTF-8", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Person = "p-mod\xff" })
	about("an actor with an empty label", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Labels = []string{"trusted", ""} }, "label")
	about("an actor with a label that has its sign", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Labels = []string{"@leaving"} }, "label")
	about("an actor with an owner who is no name", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Owners = []string{"p-mod2 "} })
	about("an actor without a status", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Status = "" })
	about("an actor of a status that nobody defined", moderation.CodeInactive, func(_ *fcWorld, a *moderation.Actor) { a.Status = "asleep" }, "asleep")
	about("an actor without a type", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Type = "" }, "human or service")
	about("an actor of a type that nobody defined", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.Type = "robot" }, "robot")
	about("an actor whose last day is unknown", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.LastDay = moderation.LastDay{} }, "last day")
	about("an actor whose last day is the zero time", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Time{}) })
	about("an actor whose last day is in no zone", moderation.CodeDirectory, func(_ *fcWorld, a *moderation.Actor) { a.LastDay = moderation.LastDayOn(2030, 1, 1, nil) })
	about("an actor as it was too long ago", moderation.CodeStale, func(_ *fcWorld, a *moderation.Actor) { a.AsOf = time.Now().Add(-time.Minute - 1) })
	about("an actor as it will be", moderation.CodeStale, func(_ *fcWorld, a *moderation.Actor) { a.AsOf = time.Now().Add(time.Minute + 1) })
	what := func(name string, code moderation.Code, lie func(*fcWorld, *moderation.Target), says ...string) {
		rows = append(rows, fcLie("the directory answers about "+name, code, target, lie, says...))
	}
	what("another target", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.ID = "acct-2" }, `"acct-1"`, `"acct-2"`)
	what("nothing", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { *t = moderation.Target{} })
	what("a target without a tier", moderation.CodeUnknownTier, func(_ *fcWorld, t *moderation.Target) { t.Tier = "" })
	what("a target of a tier that nobody configured", moderation.CodeUnknownTier, func(_ *fcWorld, t *moderation.Target) { t.Tier = "Standard" }, "Standard")
	what("a target of every tier", moderation.CodeUnknownTier, func(_ *fcWorld, t *moderation.Target) { t.Tier = moderation.Any })
	what("a target without a domain", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.Domain = "" })
	what("a target of every domain", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.Domain = moderation.Any })
	what("a target of a domain that is not UTF-8", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.Domain = "\xff" })
	what("a target with an owner who is no name", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.Owners = []string{"p-mod "} })
	what("a target with a conflict of who is no name", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.Conflicts = []string{""} })
	what("a target with a negative reach", moderation.CodeDirectory, func(_ *fcWorld, t *moderation.Target) { t.Reach = -1 })
	what("a target as it was too long ago", moderation.CodeStale, func(_ *fcWorld, t *moderation.Target) { t.AsOf = time.Now().Add(-time.Minute - 1) })
	what("a target as it will be", moderation.CodeStale, func(_ *fcWorld, t *moderation.Target) { t.AsOf = time.Now().Add(time.Minute + 1) })
	for _, text := range append(fcBadNames(), fcText{"empty", "", ""}) {
		rows = append(rows, fcLie("the directory resolves a handle to an ID that is "+text.name, moderation.CodeDirectory, resolve, func(_ *fcWorld, id *string) { *id = text.value }))
	}
	rows = append(rows, fcLie("the directory resolves a handle to where freezes stand", moderation.CodeDirectory, resolve, func(_ *fcWorld, id *string) { *id = moderation.FreezeTarget }))
	fresh := fcLie("facts that are just not too old are believed", "", actor, func(_ *fcWorld, a *moderation.Actor) { a.AsOf = time.Now().Add(-time.Minute) })
	fresh.ok, fresh.ran = true, 1
	return append(rows, fresh)
}

func fcAuthorizerRows() []fcRow {
	decide := func(w *fcWorld, f moderationtest.Fault) { w.authorizer.OnDecide.Inject(f) }
	rows := fcSeam{name: "the authorizer", code: moderation.CodePolicy, inject: decide}.rows()
	answers := func(name string, code moderation.Code, lie func(*moderation.Decision), says ...string) {
		rows = append(rows, fcLie("the authorizer answers "+name, code, decide, func(_ *fcWorld, d *moderation.Decision) { lie(d) }, says...))
	}
	asks := func(name string, r moderation.Requirement) {
		answers(name, moderation.CodeNoRequirement, func(d *moderation.Decision) { d.Requirement = r }, "who must approve")
	}
	none, one := moderation.Quorum{None: true}, moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}
	slots := func(s ...moderation.Slot) moderation.Requirement {
		return moderation.Requirement{Quorum: moderation.Quorum{Slots: s}, Deadline: time.Hour}
	}
	answers("nothing", moderation.CodePolicy, func(d *moderation.Decision) { *d = moderation.Decision{} }, "names no policy")
	answers("yes without its policy", moderation.CodePolicy, func(d *moderation.Decision) { d.Policy = "" }, "names no policy")
	answers("yes and a code of refusal", moderation.CodePolicy, func(d *moderation.Decision) { d.Code = moderation.CodeDenied })
	answers("no", moderation.CodeDenied, func(d *moderation.Decision) { d.Allowed = false }, "policy:1")
	answers("no, for a label that it does not know", moderation.CodeUnknownLabel, func(d *moderation.Decision) { d.Allowed, d.Code = false, moderation.CodeUnknownLabel })
	answers("by a policy that was in force too long ago", moderation.CodeStale, func(d *moderation.Decision) { d.AsOf = time.Now().Add(-time.Minute - 1) })
	answers("by a policy that will be in force", moderation.CodeStale, func(d *moderation.Decision) { d.AsOf = time.Now().Add(time.Minute + 1) })
	asks("yes without a requirement", moderation.Requirement{})
	asks("that nobody and somebody must approve", moderation.Requirement{Quorum: moderation.Quorum{None: true, Slots: one.Slots}, Deadline: time.Hour})
	asks("a quorum of no slots", slots())
	asks("a slot without a role", slots(moderation.Slot{}))
	asks("a slot whose role is empty", slots(moderation.Slot{"lead"}, moderation.Slot{"lead", ""}))
	asks("a negative hold", moderation.Requirement{Quorum: none, Hold: -1, Deadline: time.Hour})
	asks("a negative deadline", moderation.Requirement{Quorum: none, Deadline: -1})
	asks("a hold without a deadline", moderation.Requirement{Quorum: none, Hold: time.Hour})
	asks("a quorum without a deadline", moderation.Requirement{Quorum: one})
	asks("a deadline as long as the hold", moderation.Requirement{Quorum: one, Hold: time.Hour, Deadline: time.Hour})
	asks("a deadline shorter than the hold", moderation.Requirement{Quorum: one, Hold: time.Hour, Deadline: time.Minute})
	return rows
}

func fcLimiterRows() []fcRow {
	take := func(w *fcWorld, f moderationtest.Fault) { w.limiter.OnTake.Inject(f) }
	rows := fcSeam{name: "the limiter, charged for a request,", code: moderation.CodeLimiter, inject: take}.rows()
	rows = append(rows, fcSeam{name: "the limiter, charged for an execution,", code: moderation.CodeLimiter, inject: fcAtExecution}.rows()...)
	rows = append(rows, fcSeam{name: "the limiter, asked without effect,", code: moderation.CodeLimiter, silent: true,
		act:    fcCalls()[0].with("", ""),
		inject: func(w *fcWorld, f moderationtest.Fault) { w.limiter.OnPeek.Inject(f) }}.rows()...)
	answers := func(name string, code moderation.Code, u moderation.Usage, says ...string) {
		for moment, inject := range map[string]func(*fcWorld, moderationtest.Fault){"request": take, "execution": fcAtExecution} {
			rows = append(rows, fcLie("the limiter, charged for the "+moment+", answers "+name, code, inject, func(_ *fcWorld, a *moderation.Usage) { *a = u }, says...))
		}
	}
	empty := moderation.LimitState{Rule: moderation.Rule{Source: "policy:9"}, Key: "person=p-mod", Unit: "actions", Left: 0}
	answers("nothing", moderation.CodeLimited, moderation.Usage{})
	answers("that there is no room", moderation.CodeLimited, moderation.Usage{Limits: []moderation.LimitState{empty}, RetryAfter: time.Hour}, "policy:9", "person=p-mod", "again in 1h0m0s")
	answers("that there will never be room", moderation.CodeNeverFits, moderation.Usage{Limits: []moderation.LimitState{empty}, Never: true}, "policy:9")
	answers("that there was room a while ago", moderation.CodeLimiter, moderation.Usage{RetryAfter: -1}, "negative")
	answers("that there is room and never will be", moderation.CodeLimiter, moderation.Usage{Allowed: true, Never: true})
	answers("that there is room and whose approval would make room", moderation.CodeLimiter, moderation.Usage{Allowed: true, Over: []moderation.Slot{{"lead"}}})
	answers("that nobody's approval makes room", moderation.CodeLimiter, moderation.Usage{Over: []moderation.Slot{{}}})
	return rows
}

// fcAtExecution breaks only what is asked when an action is executed.
func fcAtExecution(w *fcWorld, f moderationtest.Fault) {
	w.limiter.OnTake.InjectWhen(func(c moderation.Charge) bool { return c.At == moderation.ChargeExecute }, f)
}

func fcStoreRows() []fcRow {
	head := func(id string) func(*fcWorld, moderationtest.Fault) {
		return func(w *fcWorld, f moderationtest.Fault) {
			w.store.OnHead.InjectWhen(func(asked string) bool { return asked == id }, f)
		}
	}
	keys := func(w *fcWorld, f moderationtest.Fault) { w.store.OnTickets.Inject(f) }
	ticket := func(w *fcWorld, f moderationtest.Fault) { w.store.OnTicket.Inject(f) }
	rows := fcSeam{name: "the store, asked about the key,", code: moderation.CodeStore, inject: keys}.rows()
	rows = append(rows, fcSeam{name: "the store, asked how the target stands,", code: moderation.CodeStore, inject: head("acct-1")}.rows()...)
	rows = append(rows, fcSeam{name: "the store, asked which freezes stand,", code: moderation.CodeStore, inject: head(moderation.FreezeTarget)}.rows()...)
	rows = append(rows, fcSeam{name: "the store, asked for the ticket to undo,", code: moderation.CodeStore, given: fcExecuted, act: fcUndo("mod"), inject: ticket}.rows()...)
	rows = append(rows, fcSeam{name: "the store, asked for the ticket to advance,", code: moderation.CodeStore, silent: true, given: fcReady, act: fcAdvance, inject: ticket}.rows()...)
	other := fcLie("the store answers with another ticket than the one to undo", moderation.CodeStore, ticket, func(_ *fcWorld, t *moderation.Ticket) { t.ID = "other" }, "other")
	other.given, other.act = fcExecuted, fcUndo("mod")
	nothing := fcRow{name: "the store answers with no ticket to undo", given: fcExecuted, act: fcUndo("mod"), code: moderation.CodeStore,
		fault: func(w *fcWorld) { ticket(w, moderationtest.Zero()) }}
	advanced := fcLie("the store answers with another ticket than the one to advance", moderation.CodeStore, ticket, func(_ *fcWorld, t *moderation.Ticket) { t.ID = "other" }, "other")
	advanced.given, advanced.act, advanced.silent = fcReady, fcAdvance, true
	foreign := fcLie("the store answers with another actor's ticket for the key", moderation.CodeStore, keys, func(w *fcWorld, t *[]moderation.Ticket) { *t = []moderation.Ticket{w.ticket} })
	foreign.given, foreign.act = fcExecuted, fcDo(suspend("mod2", "@two", "given"))
	return append(rows, other, nothing, advanced, foreign, fcChanged("the reason", func(t *moderation.Ticket) { t.Action.Reason = "other" }),
		fcChanged("the target", func(t *moderation.Ticket) { t.Subject.ID = "acct-2" }),
		fcChanged("the requester", func(t *moderation.Ticket) { t.Requester.Login, t.Requester.Person = "mod2", "p-mod2" }),
		fcChanged("the parameters", func(t *moderation.Ticket) { t.Action.Parameters = map[string]string{"scope": "all"} }),
		fcChanged("the duration", func(t *moderation.Ticket) { t.Action.Duration = time.Hour }),
		fcChanged("the kind", func(t *moderation.Ticket) { t.Action.Kind = moderation.Limit }),
		fcChanged("its digest", func(t *moderation.Ticket) { t.Digest = moderation.Digest{} }),
		fcChanged("its digest for another", func(t *moderation.Ticket) { t.Digest[0]++ }))
}

// fcChanged is a store in which somebody changed an approved ticket.
func fcChanged(what string, lie func(*moderation.Ticket)) fcRow {
	r := fcLie("in the store somebody changed "+what+" of an approved ticket", moderation.CodeDigest,
		func(w *fcWorld, f moderationtest.Fault) { w.store.OnTicket.Inject(f) },
		func(_ *fcWorld, t *moderation.Ticket) { lie(t) })
	r.given, r.act = fcReady, fcAdvance
	return r
}
