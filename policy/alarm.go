package policy

import (
	"errors"
	"sync"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
)

// Alarms returns a WatchConfig.Report that alarms an observer of what somebody
// should look at. Give the guard, which hands alarms on to its Config.Observer:
//
//	go authorizer.Watch(ctx, policy.WatchConfig{Every: 5 * time.Second, Report: policy.Alarms(guard)})
//
// A version that was kept out is a [moderation.AlarmPolicyQuarantined], told once
// for each version and reason, however often it is found, until the version in
// force is confirmed or replaced. The first load in a row that fails is a
// [moderation.AlarmPolicyFailed]. What is confirmed or replaced is no alarm.
//
// The observation has the event of the record, where Config.Audit takes one
// (refused), the target moderation.PolicyTarget, and the error as its text. An
// observer other than a guard is called by the goroutine of the watch, which waits
// for it. For nil, and a nil pointer, Alarms returns nil, which Watch refuses. One
// Report may serve several watches at once.
func Alarms(observer moderation.Observer) func(Event) {
	if typednil.Is(observer) {
		return nil
	}
	return (&alarms{observer: observer}).report
}

// alarms are those of one Report.
type alarms struct {
	observer moderation.Observer

	mu          sync.Mutex
	quarantined QuarantineError // Digest and Reason of the last that was told
	failing     bool
}

func (a *alarms) report(e Event) {
	if !a.isNews(e) {
		return
	}
	o := moderation.Observation{
		What: moderation.ObservedAlarm, Alarm: moderation.AlarmPolicyFailed, Step: policyStep,
		Target: moderation.PolicyTarget, Code: moderation.CodePolicy,
	}
	if e.Kind == EventQuarantined {
		o.Alarm, o.Event = moderation.AlarmPolicyQuarantined, audit.EventRefused
		o.Status, o.Code = moderation.StatusRefused, moderation.CodeDenied
	}
	if e.Err != nil {
		o.Text = cut(e.Err.Error(), maxWhy)
	}
	told := false
	defer func() {
		if !told { // it panicked, and is told again when that happens again
			a.isNews(Event{Kind: EventConfirmed})
		}
	}()
	a.observer.Observe(o)
	told = true
}

// isNews reports whether somebody should look at an event that is not told yet.
func (a *alarms) isNews(e Event) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case EventConfirmed, EventReplaced:
		a.quarantined, a.failing = QuarantineError{}, false
		return false
	case EventQuarantined:
		before := a.quarantined
		var kept *QuarantineError
		if a.failing = false; errors.As(e.Err, &kept) {
			a.quarantined = QuarantineError{Digest: kept.Digest, Reason: kept.Reason}
		}
		return kept == nil || before != a.quarantined
	}
	before := a.failing
	a.failing = true
	return !before
}
