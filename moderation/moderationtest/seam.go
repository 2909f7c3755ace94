package moderationtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Seam is where faults are put into one method of a double: Q is what the
// method is asked, A what it answers. It counts and keeps what was asked. The
// zero Seam has no fault. It may be used by many goroutines at once and must
// not be copied.
type Seam[Q, A any] struct {
	mu      sync.Mutex
	asked   []Q
	always  Fault
	at      map[int]Fault
	when    []conditional[Q]
	release chan struct{} // made at first use, so that it belongs to a bubble
	free    bool          // release is closed
}

type conditional[Q any] struct {
	match func(Q) bool
	fault Fault
}

// Inject makes f what every call does from now on, unless InjectAt or
// InjectWhen say otherwise. It panics where f is a [Lie] about another type of
// answer.
func (s *Seam[Q, A]) Inject(f Fault) {
	mustFit[A](f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = f
}

// InjectAt makes f what one call does, counted from 1 since the double was
// made. It comes before InjectWhen and Inject. It panics where that call was
// made already, and where f is a [Lie] about another type of answer.
func (s *Seam[Q, A]) InjectAt(call int, f Fault) {
	mustFit[A](f)
	s.mu.Lock()
	defer s.mu.Unlock()
	if call <= len(s.asked) {
		panic(fmt.Sprintf("moderationtest: a fault is injected at call %d, but %d were made already", call, len(s.asked)))
	}
	if s.at == nil {
		s.at = make(map[int]Fault)
	}
	s.at[call] = f
}

// InjectWhen makes f what calls do whose question matches. It comes before
// Inject; of several that match, the last one injected counts. It panics where
// f is a [Lie] about another type of answer.
func (s *Seam[Q, A]) InjectWhen(match func(Q) bool, f Fault) {
	mustFit[A](f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.when = append(s.when, conditional[Q]{match, f})
}

// Heal takes all faults out. Calls that hang go on hanging.
func (s *Seam[Q, A]) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always, s.at, s.when = Fault{}, nil, nil
}

// LetGo lets go every call that hangs or waits, now and later; each returns
// an error.
func (s *Seam[Q, A]) LetGo() {
	ch := s.gate()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free {
		s.free = true
		close(ch)
	}
}

// Count returns how many calls began.
func (s *Seam[Q, A]) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// Calls returns what was asked, in the order in which the calls began.
func (s *Seam[Q, A]) Calls() []Q {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// call answers a question by truth, or as the fault of this call has it.
func (s *Seam[Q, A]) call(ctx context.Context, q Q, truth func(context.Context) (A, error)) (A, error) {
	var answer A
	f := s.next(q)
	if f.after {
		done, err := truth(ctx)
		if f.mode == failing {
			answer = done
		}
		truth = func(context.Context) (A, error) { return done, err }
	}
	switch f.mode {
	case truthful:
		return truth(ctx)
	case failing:
		return answer, f.err
	case panicking:
		panic(f.value)
	case answeringZero:
		return answer, nil
	case lying:
		answer, _ = truth(ctx)
		return f.lie.(func(A) A)(answer), nil
	}
	if err := s.wait(ctx, f); err != nil {
		return answer, err
	}
	return truth(context.WithoutCancel(ctx))
}

// wait blocks as f has it. It returns nil where the call is to be answered
// after all.
func (s *Seam[Q, A]) wait(ctx context.Context, f Fault) error {
	done := ctx.Done()
	var elapsed <-chan time.Time
	switch f.mode {
	case hangingForever:
		done = nil
	case answeringSlow:
		timer := time.NewTimer(f.delay)
		defer timer.Stop()
		done, elapsed = nil, timer.C
	}
	select {
	case <-s.gate():
		return errLetGo
	case <-elapsed:
		return nil
	case <-done:
	}
	if f.mode == answeringLate {
		return nil
	}
	return ctx.Err()
}

// next notes a call and returns its fault.
func (s *Seam[Q, A]) next(q Q) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if f, ok := s.at[len(s.asked)]; ok {
		return f
	}
	for _, c := range slices.Backward(s.when) {
		if c.match(q) {
			return c.fault
		}
	}
	return s.always
}

// gate returns the channel that LetGo closes.
func (s *Seam[Q, A]) gate() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.release == nil {
		s.release = make(chan struct{})
	}
	return s.release
}

// mustFit panics where a lie can't be told at a seam: the test is wrong, and
// would otherwise pass for the wrong reason.
func mustFit[A any](f Fault) {
	if _, ok := f.lie.(func(A) A); f.mode == lying && !ok {
		panic(fmt.Sprintf("moderationtest: a lie of type %T can't be told where a %T is needed", f.lie, (func(A) A)(nil)))
	}
}
