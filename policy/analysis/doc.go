// Package analysis computes what a policy means for the people of a directory:
// what each of them can do alone and how much of it, how few can do it
// together, what is probably not meant, and what changes in meaning from one
// version to the next. It is for people who write policies, for those who
// approve a change of one, and for tests (package policytest).
//
//	p, err := policy.Load(ctx, policy.Config{…})
//	people, err := analysis.FromDirectory(ctx, p, directory)
//	a, err := analysis.New(analysis.Config{Policy: p, Directory: people, At: time.Now()})
//	exposure, err := a.Exposure(ctx)
//	fmt.Print(exposure)
//
// All results are values with a table for people (WriteTable, String) and JSON
// whose field names are stable. Durations in JSON are nanoseconds; what nothing
// bounds is the word "unbounded".
//
// # Who, what, where, when
//
// The policy itself is asked, by [policy.Policy.Decide]; nothing is interpreted
// a second time but requirement rows that are compared and limits that are
// summed up. Besides, what the guard adds is counted: nobody acts after the
// last day, leavers do not approve and may not bypass, services do not approve,
// the owners of a service that asks do not approve it, one person fills one
// slot, nobody does alone what can't be undone.
//
// People come from the [Directory]. Two logins of one human are one person
// there, which the policy's rows alone can't tell ([EachLogin] takes each for a
// person, and says so).
//
// Kinds and tiers are those of the policy. Domains are those that its rows or
// its configuration name; where any domain may be named, "(any other)" stands
// for all that no row does. Kinds and domains that every row treats alike are
// asked about once.
//
// Everything is looked at as it is at Config.At. With Config.Until it is looked
// at again at each moment between at which something changes by itself: a
// grant begins or ends, a notice period begins, a last day ends. Nothing
// happens between these, so that nothing is missed.
//
// # Exposure
//
// [Analysis.Exposure] says what one person can do without anybody else: steps
// that are allowed and for which the quorum is none, bypass, which needs none,
// and freezes. Where requirement rows have conditions, the person chooses what
// can be chosen: the shortest duration (none, or a second for kinds that are
// Timed), one target, an undo that is not put off. Labels are what the directory
// says. The reach is the target's: Deed.ReachAtMost says up to which reach it
// can be done alone.
//
// How much fits into any hour and any day follows from the limits: a bucket is
// full at first and fills evenly, so that it gives amount + amount × time /
// window. Of several limits the least counts; a shared bucket (all, kind, tier,
// domain) is taken to be the person's. A limit that more approvals let pass
// bounds what one does alone like any other. A limit per actor is counted for
// each of the person's logins, one per target bounds only reach, since there is
// always another target, and an open limit bounds what waits for a hold. Reach
// counts each target once, so that it is no more than all targets of the tier
// have. Amounts of a deed are exact for one kind and domain. A [Total] over all
// kinds and domains is never too low, and can be too high where limits overlap
// without one being within the other.
//
// Not counted, so that a guard may refuse more: declared conflicts, targets of
// one's own, freezes in force, what stands already, and the approver more that
// is needed soon after a rejection or an undo.
//
// # Collusion
//
// [Analysis.Collusion] finds, for each kind, tier and band of reach, the
// smallest set of people that can do something: whoever may ask needs as many
// others as there are slots, and whether people can fill them is a maximum
// matching. The size is exact: with fewer people it can't be done. One such set
// is named.
//
// # Lint
//
// [Analysis.Lint] reports what is probably not meant; the codes are explained at
// [Code]. Quorums are tried as they are for the easiest request and for one for
// which all conditions but labels hold.
//
// # Differences
//
// [Diff] compares two versions by what people may do under them, not by their
// text: a role that is renamed changes nothing. Package policy's policy.change
// shows it to those who approve a version; its table is bounded.
//
// # Cost
//
// People with the same grants and labels are one class; classes that hold the
// same roles share their answers. With C holdings that differ, K kinds, T tiers
// and D domains that rows tell apart, an exposure, a collusion and a lint ask
// O(C·K·T·D) questions for each step that a holding has any row for, and add
// O(P) for P people; a collusion adds one small matching for each requirement,
// and does all that for each moment of a range. Lint compares rows of one role
// with each other. A difference asks O(C·K·T·D) for all steps of those whose
// roles changed, and only where rows changed for all others. Ten thousand
// people, a thousand rules, twenty kinds and five tiers take seconds
// (BenchmarkAnalysis).
package analysis
