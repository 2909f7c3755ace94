// Package policy answers who may take which step, what the step needs and how
// much of it there may be, from one policy of plain rows. It implements
// [moderation.Authorizer] and [moderation.Limiter]. Casbin is its language: the
// rows are Casbin rows, and any Casbin adapter can load them.
//
//	authorizer, err := policy.Open(ctx, policy.Config{
//		Source: policy.File("policy.csv"),
//		Kinds:  []string{"account.suspend", "account.limit", "post.remove"},
//		Tiers:  []string{"normal", "protected"},
//	})
//	limiter, err := policy.NewLimiter(authorizer)
//
// # A policy
//
//	# Who may do what: role, step, kind, tier, domain, eft (allow or deny).
//	p, moderator, request, account.*, normal, *, allow
//	p, moderator, request, post.remove, normal, *, allow
//	p, lead,      request, *, *, *, allow
//	p, lead,      approve, *, *, *, allow
//	p, lead,      reject,  *, *, *, allow
//	p, lead,      read,    *, *, *, allow
//	p, director,  approve, *, *, *, allow
//	p, moderator, undo,    *, *, *, allow
//	p, lead,      freeze,  *, *, *, allow
//	p, lead,      unfreeze, *, *, *, allow
//	p, contractor, *, *, protected, *, deny
//	p, @leaving,   request, *, protected, *, deny
//
//	# What it needs: step, kind, tier, domain, when, quorum, hold, deadline.
//	p2, request,  *, *,         *, *,             none,                   -,   -
//	p2, request,  *, *,         *, duration>168h, lead,                   -,   24h
//	p2, request,  *, protected, *, *,             lead|director director, 10m, 24h
//	p2, unfreeze, *, *,         *, *,             director,               -,   24h
//	p2, undo,     *, *,         *, age>30d,       lead,                   -,   24h
//
//	# How much of it: per, kind, tier, domain, unit, amount, window, over.
//	p3, person, *, *,         *, requests,      30,      1h, refuse
//	p3, person, *, *,         *, open,          20,      -,  refuse
//	p3, person, *, protected, *, actions,       1,       1d, director
//	p3, all,    *, *,         *, reach,         5000000, 1h, director
//	p3, person, *, *,         *, undo.requests, 60,      1h, refuse
//
//	# Who is who: login, role, domain, from, until.
//	g, amara, moderator,  *,  -, -
//	g, bruno, contractor, *,  -, 2017-11-03
//	g, bruno, moderator,  en, -, 2017-11-03
//	g, chloe, lead,       *,  2017-01-01, -
//	g, deniz, lead,       *,  -, -
//	g, elena, director,   *,  -, -
//	g, farid, director,   *,  -, -
//	g, lead,  moderator,  *,  -, -
//
// White space around a column does not count; nor do blank lines and lines
// that begin with #. A column is never empty: write - where none is meant. No
// column holds a comma, in no kind of source.
//
// # Kinds, tiers and domains
//
// All rows but g say what they are about by a kind, a tier and a domain. Each
// is * for all, or one name; a kind may also be a prefix that ends with .*, so
// that account.* matches account.suspend and account.post.hide, but neither
// account nor accounts. Kinds, tiers and labels must be in the [Config], and
// domains as well where it has some: a name that is misspelt is an error, not a
// row that never matches. Names compare letter by letter.
//
// A question can be about every kind, tier or domain at once (a freeze of
// everything). It is allowed by rows with * there only; but a deny row, a p2
// row and a p3 row count as soon as they are about any part of it.
//
// # p: who may
//
// A role may (allow), or may not (deny), take a step: one of
// [moderation.Steps]. What no row allows is denied, and one row that denies is
// stronger than all that allow. A deny row may be about every step (*), and
// about a label of the actor instead of a role, written @leaving: labels are
// facts from the directory, and never grant. A row that allows bypass names its
// tier, and its kind at least by a prefix.
//
// # g: who has which role
//
// A login, or everybody with another role, has a role in a domain (* for all),
// from a moment (inclusive) until a moment (exclusive). A moment is an RFC 3339
// time, or a date, which means the first moment of that day in UTC, or - where
// there is none. Roles may follow from roles over any number of rows; every one
// of them must hold at the moment and in the domain of the question. Roles that
// go in a circle are an error. A role is whatever a row grants, allows or asks to
// approve. A login that is named like a role holds nothing and is denied
// everything.
//
// # p2: what it needs
//
// The steps request, undo, bypass, freeze and unfreeze need what all rows
// together say that match: their slots add up, the longest hold and the earliest
// deadline count. when is * for always, or conditions joined by &, which must all
// hold:
//
//	@label            the actor has the label
//	permanent         the action lasts until it is undone
//	duration>168h     it lasts longer
//	reach>1000000     it affects more people
//	batch>25          it has more targets
//	age>24h           what is undone was executed longer ago (undo only)
//
// A bypass waits for nobody: its quorum is who must ratify it, and its deadline
// by when; it has no hold. Where its rows say none and -, one other person must,
// within 24 hours. A batch asks for each tier and domain that its members have,
// with the number and the reach of all of them.
//
// The quorum is none in so many words, or slots separated by spaces, each filled
// by another person, who has one of the roles that | separates: lead|director
// director is a director, and another director or a lead. To fill a slot one
// also needs the step approve. The hold is how long an approved action waits,
// the deadline when, from the request, it must have been executed. Both are
// written as [time.ParseDuration] has it, with days of 24 hours before where
// wanted: 90m, 7d, 1d12h. A quorum or a hold needs a deadline, longer than the
// hold.
//
// Whatever a row allows to request, unfreeze or bypass must be covered by a p2
// row whose when is *. Undo and freeze without a row need nobody.
//
// # p3: how much
//
// A row is a token bucket that holds amount and is full again after window, for
// each person, actor, target, kind, tier or domain, or one for all. It counts
// requests (each target, when asked for), open (unfinished tickets, without a
// window: write -), actions (each target, when executed) or reach (people
// affected, when executed). Restrictions are counted by these; undo, freeze,
// unfreeze, bypass and reject have budgets of their own, written undo.requests
// and so on; freezes are charged as the kind interlock.freeze.
// A row with * or a prefix is one bucket for all that it matches. over says what
// happens to a charge that does not fit: refuse, or a quorum that can let it
// pass. A bypass asks nobody first, so no quorum lets it pass.
//
// # What is refused at load
//
// A policy is loaded whole or not at all. All rows that are wrong by themselves
// are reported together, by row and column; when there are none, all that is
// wrong between rows: a policy that allows
// nothing, the same row twice, wildcards that reach bypass, requests without a
// requirement, deadlines that end before the hold of another row does, quorums
// of roles that nobody is granted or that may not approve what they are asked
// about, and quorums (of all rows that can come together) that the logins of the
// policy can't fill. That last check counts a login with every role that it can
// have at some moment. It knows neither which logins are one person nor who is
// away: that it passes does not show that there are people enough.
//
// # How answers are made
//
// A version is compiled once: roles are followed to their ends, for each time
// and domain that makes a difference, and rows are sorted by what they are
// about. A question then costs a few look-ups, whatever the number of rows and
// logins, and needs no memory. What comes of it is a [Verdict]: whether it is
// allowed, and the numbers of the rows that say so. [Authorizer.Check] and
// [Policy.Check] return that, for hosts that ask a thousand questions to draw one
// page; its methods put in words what is asked for. [Authorizer.Decide] is Check
// with everything in words.
//
// Three things take longer. A question about everything at once is held against
// every deny row and p2 row. Logins are walked from role to role if there are so
// many times and domains that working them out would take too much memory
// (about 16 million combinations, and more with more g rows). And an answer of
// more than eight rows needs memory for them.
//
// # Versions
//
// A reload reads the source whole, validates it, compiles it and puts it in
// force with one atomic step: decisions never wait for it. One that fails leaves
// the version in force as it is. [Authorizer.Reload] loads on demand;
// [Authorizer.Watch] polls the source (by its revision where it is [Revisioned])
// and listens to a Casbin watcher. Each load that finds the version unchanged
// confirms it; when none has for longer than Config.MaxStaleness, restrictions
// are refused.
//
// Each version that is to take force is put before Config.Admit, with what it
// changes, and recorded in Config.Audit. What is refused is quarantined: it is
// shown by [Authorizer.Quarantine], reported, recorded, and not asked about again
// until somebody calls Reload.
//
// # Changing the policy
//
// Whoever can write the place where the policy stands could write himself into
// it. Config.Pinned names the digest of the first version; from then on only what
// tickets of the kind interlock.policy.change bring takes force, whatever the
// source holds. [Changes] gives that kind its handlers. A change needs what the
// version in force asks for and what the proposed one asks for: both must allow
// it, roles count that are held under both, and the quorum is the smallest that
// contains both. Reviewers approve the digest of the proposed rows; the rows that
// are installed have that digest, in no order of their own.
//
//	p,  admin,    request, interlock.policy.change, *, *, allow
//	p,  director, approve, interlock.policy.change, *, *, allow
//	p2, request,  interlock.policy.change, *, *, *, director director, 1h, 7d
//
// Requesting, approving, undoing and resolving a change take a row that names the
// kind: no wildcard grants them, though wildcards let people reject, cancel and
// read. The policy is of no tier and no domain: rows about changes have * for both,
// and roles count that are held in every domain. Rows that deny with * or in any
// tier or domain count as well, and so do p2 rows whose kind, tier and domain are
// *. A change, and its undo, takes at least one approval; a policy that lets
// somebody ask without one does not load. It is never changed by bypass, and
// nobody who is leaving asks for a change or approves one. A policy that nobody
// may change loads; as a proposal it is denied.
//
// # A model of your own
//
// A host that has a Casbin model already brings it with [OpenModel]: any model,
// any adapter, behind the same interface. Casbin answers then, row by row, and
// the host says what a model can't: how a question is put to it, and what a
// step needs. What Casbin would pass over in silence is an error, each load
// makes new enforcers that nobody is given, and a version takes force only
// when strangers were denied by it.
//
// # Casbin
//
// [Model] is the Casbin model of the rows. Casbin loads them and is what tests
// hold this package against; it takes no part in a decision. An index made of
// each version answers, and is never changed: a reload puts another one in its
// place.
package policy
