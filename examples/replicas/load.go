package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elevenminutes/interlock/examples/replicas/internal/service"
	"github.com/elevenminutes/interlock/moderation"
)

// load is what moderators and leads do, a few at a time.
type load struct {
	replicas []*process
	client   *http.Client
	next     atomic.Int64 // account

	asked, again, anew, approved, undone atomic.Int64
	slowest                              atomic.Int64 // in nanoseconds
	mu                                   sync.Mutex
	odd                                  map[string]int // answers that the demonstration did not expect
}

func newLoad(replicas []*process) *load {
	return &load{replicas: replicas, client: &http.Client{Timeout: 8 * time.Second}, odd: map[string]int{}}
}

// run has workers ask for suspensions until ctx is done, and waits for the last
// answers.
func (l *load) run(ctx context.Context, workers int) {
	var all sync.WaitGroup
	for n := range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				l.action(context.WithoutCancel(ctx), n)
			}
		})
	}
	all.Wait()
}

// action is one suspension: a lead approves it where it needs one, and another
// moderator takes every fourth back.
func (l *load) action(ctx context.Context, worker int) {
	account := l.next.Add(1)
	moderators := []string{"mia", "max", "moe"}
	l.asked.Add(1)
	answer, status := l.suspend(ctx, worker, moderators[account%3], account, "report")
	if answer.Status == moderation.StatusFailed { // it was not done, as somebody found out: a new ticket
		l.anew.Add(1)
		answer, status = l.suspend(ctx, worker, moderators[account%3], account, "second-report")
	}
	switch {
	case status == http.StatusAccepted && len(answer.Missing) > 0:
		_, status = l.post(ctx, worker, "/tickets/"+answer.Ticket+"/approve", []string{"lena", "luis"}[account%2], map[string]any{"digest": answer.Digest})
		if status == http.StatusOK {
			l.approved.Add(1)
		}
	case status == http.StatusOK && account%4 == 1:
		status = l.undo(ctx, worker, answer.Ticket, moderators[(account+1)%3], account)
	}
	if status != http.StatusOK {
		l.mu.Lock()
		l.odd[fmt.Sprintf("%d %s", status, answer.Error)]++
		l.mu.Unlock()
	}
}

func (l *load) undo(ctx context.Context, worker int, ticket, actor string, account int64) (status int) {
	for _, appeal := range []string{"appeal", "second-appeal"} {
		var answer service.Answer
		answer, status = l.post(ctx, worker, "/tickets/"+ticket+"/undo", actor, map[string]any{
			"reason": "a mistake", "key": fmt.Sprintf("%s-%d", appeal, account),
		})
		if answer.Status != moderation.StatusFailed {
			break
		}
		l.anew.Add(1)
	}
	if status == http.StatusOK {
		l.undone.Add(1)
	}
	return status
}

func (l *load) suspend(ctx context.Context, worker int, actor string, account int64, report string) (service.Answer, int) {
	return l.post(ctx, worker, "/tickets", actor, map[string]any{
		"target": fmt.Sprintf("@user%d", account), "reason": "spam", "key": fmt.Sprintf("%s-%d", report, account),
	})
}

// post asks one replica, and the next one where that does not answer. The key of
// the action makes it safe to ask again.
func (l *load) post(ctx context.Context, worker int, path, actor string, body any) (answer service.Answer, status int) {
	begun := time.Now()
	defer func() {
		took := int64(time.Since(begun))
		for {
			slowest := l.slowest.Load()
			if took <= slowest || l.slowest.CompareAndSwap(slowest, took) {
				return
			}
		}
	}()
	text, err := json.Marshal(body)
	if err != nil {
		return answer, 0
	}
	for try := range 600 {
		if try > 0 {
			l.again.Add(1)
			pause(ctx, 100*time.Millisecond)
		}
		replica := l.replicas[(worker+try)%len(l.replicas)]
		answer, status, err = l.postTo(ctx, replica, path, actor, text)
		if err == nil && !later(answer, status) {
			return answer, status
		}
	}
	return answer, status
}

// later tells whether it is worth asking again: the replica is in trouble, a limit
// has no room for the moment (after a crash of the database all are empty), or
// the action is being executed elsewhere or its outcome being found out.
func later(a service.Answer, status int) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return true
	case http.StatusAccepted:
		return len(a.Missing) == 0
	case http.StatusConflict:
		return a.Status != moderation.StatusFailed
	}
	return false
}

func (l *load) postTo(ctx context.Context, replica *process, path, actor string, body []byte) (answer service.Answer, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, replica.address+path, bytes.NewReader(body))
	if err != nil {
		return answer, 0, err
	}
	req.Header.Set("X-Actor", actor)
	resp, err := l.client.Do(req)
	if err != nil {
		return answer, 0, err
	}
	defer resp.Body.Close()
	return answer, resp.StatusCode, json.NewDecoder(resp.Body).Decode(&answer)
}

func (l *load) get(ctx context.Context, replica *process, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, replica.address+path, nil)
	if err != nil {
		return err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
