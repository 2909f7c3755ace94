package moderationtest

import (
	"errors"
	"fmt"
	"time"
)

// Fault is what a double does instead of answering truly. It does nothing by
// itself, so that it can stand in a table and be injected many times. The zero
// Fault is none: the double answers truly.
type Fault struct {
	mode  mode
	after bool
	err   error
	value any // what a panic is raised with
	lie   any // func(A) A, where A is what the method answers
	delay time.Duration
}

// mode is how a double fails.
type mode string

const (
	truthful       mode = ""
	failing        mode = "fail"
	panicking      mode = "panic"
	hanging        mode = "hang"
	hangingForever mode = "hang for ever"
	answeringLate  mode = "answer late"
	answeringSlow  mode = "answer slowly"
	answeringZero  mode = "answer nothing"
	lying          mode = "lie"
)

// ErrInjected is what Fail(nil) fails with.
var ErrInjected = errors.New("moderationtest: injected failure")

// errLetGo is returned by a call that hung until it was let go; that is
// never an answer.
var errLetGo = errors.New("moderationtest: hung until it was let go")

// Fail returns err with a zero answer, and does nothing. A nil err stands for
// [ErrInjected].
func Fail(err error) Fault {
	if err == nil {
		err = ErrInjected
	}
	return Fault{mode: failing, err: err}
}

// Panic panics with v, and does nothing.
func Panic(v any) Fault { return Fault{mode: panicking, value: v} }

// Hang blocks until the call's context is done, and then returns the context's
// error; or until the double lets it go. It does nothing.
func Hang() Fault { return Fault{mode: hanging} }

// HangForever blocks whatever becomes of the call's context, until the double
// lets it go at the end of the test, and then returns an error. It does
// nothing.
func HangForever() Fault { return Fault{mode: hangingForever} }

// Late blocks until the call's context is done, and then does what was asked
// and answers truly all the same.
func Late() Fault { return Fault{mode: answeringLate} }

// Slow blocks for d, whatever becomes of the call's context, and then does
// what was asked and answers truly. Use it inside a synctest bubble, where it
// costs no time.
func Slow(d time.Duration) Fault { return Fault{mode: answeringSlow, delay: d} }

// Zero returns zero values and no error, and does nothing.
func Zero() Fault { return Fault{mode: answeringZero} }

// Lie does what was asked and returns, without an error, what f makes of the
// true answer (the zero A where that was an error). A must be the answer's
// type at the seam where it is injected, such as [moderation.Actor].
func Lie[A any](f func(answer A) A) Fault { return Fault{mode: lying, lie: f} }

// After does what was asked first, and then f: After(Fail(err)) is a commit
// that was written although it says err, or a true answer together with err;
// After(Slow(d)) acts at once and answers slowly. Only [Fail], [Late], [Slow]
// and [Lie] keep the answer.
func After(f Fault) Fault {
	f.after = true
	return f
}

// String says what the double does, for the names of subtests.
func (f Fault) String() string {
	text := string(f.mode)
	switch f.mode {
	case truthful:
		text = "answer truly"
	case failing:
		text = fmt.Sprintf("%s: %v", text, f.err)
	case panicking:
		text = fmt.Sprintf("%s: %v", text, f.value)
	case answeringSlow:
		text = fmt.Sprintf("%s: %v", text, f.delay)
	}
	if f.after {
		return "do it, then " + text
	}
	return text
}
