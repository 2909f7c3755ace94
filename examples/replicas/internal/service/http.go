package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/elevenminutes/interlock/moderation"
)

// maxBody is the most bytes of a request's body.
const maxBody = 64 << 10

// routes are what moderators and leads can do. Who calls is in the header
// X-Actor here; a service in earnest has authenticated the login before this.
func (r *Replica) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tickets", ticketRoute(func(ctx context.Context, actor string, in request, _ string) (moderation.Ticket, error) {
		return r.guard.Do(ctx, moderation.Action{Kind: moderation.Suspend, Actor: actor, Target: in.Target, Reason: in.Reason, Case: in.Case, Key: in.Key})
	}))
	mux.HandleFunc("POST /tickets/{id}/approve", ticketRoute(func(ctx context.Context, actor string, in request, id string) (moderation.Ticket, error) {
		return r.guard.Approve(ctx, moderation.ReviewRequest{Ticket: id, Actor: actor, Digest: in.Digest, Reason: in.Reason})
	}))
	mux.HandleFunc("POST /tickets/{id}/reject", ticketRoute(func(ctx context.Context, actor string, in request, id string) (moderation.Ticket, error) {
		return r.guard.Reject(ctx, moderation.ReviewRequest{Ticket: id, Actor: actor, Digest: in.Digest, Reason: in.Reason})
	}))
	mux.HandleFunc("POST /tickets/{id}/cancel", ticketRoute(func(ctx context.Context, actor string, in request, id string) (moderation.Ticket, error) {
		return r.guard.Cancel(ctx, moderation.CancelRequest{Ticket: id, Actor: actor, Reason: in.Reason})
	}))
	mux.HandleFunc("POST /tickets/{id}/undo", ticketRoute(func(ctx context.Context, actor string, in request, id string) (moderation.Ticket, error) {
		return r.guard.Undo(ctx, moderation.UndoRequest{Ticket: id, Actor: actor, Reason: in.Reason, Case: in.Case, Key: in.Key})
	}))
	mux.HandleFunc("GET /tickets/{id}", func(w http.ResponseWriter, req *http.Request) {
		ticket, err := r.guard.Ticket(req.Context(), req.Header.Get("X-Actor"), req.PathValue("id"))
		answer(w, ticket, err)
	})
	mux.HandleFunc("GET /policy", func(w http.ResponseWriter, _ *http.Request) {
		in := r.policy.Policy()
		write(w, http.StatusOK, Policy{Digest: in.Digest(), Text: text(in)})
	})
	mux.HandleFunc("POST /policy", ticketRoute(func(ctx context.Context, actor string, in request, _ string) (moderation.Ticket, error) {
		return r.changePolicy(ctx, actor, in)
	}))
	mux.HandleFunc("GET /accounts/{handle}", func(w http.ResponseWriter, req *http.Request) {
		found, err := r.accounts.find(req.Context(), req.PathValue("handle"))
		if err != nil {
			write(w, http.StatusNotFound, Answer{Error: err.Error()})
			return
		}
		write(w, http.StatusOK, found)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, req *http.Request) {
		if err := r.pool.Ping(req.Context()); err != nil {
			write(w, http.StatusServiceUnavailable, Answer{Error: err.Error()})
			return
		}
		write(w, http.StatusOK, struct{}{})
	})
	return mux
}

// request is the body of every POST; each uses its part.
type request struct {
	Target string            `json:"target"`
	Reason string            `json:"reason"`
	Case   string            `json:"case"`
	Key    string            `json:"key"`
	Digest moderation.Digest `json:"digest"`
	Policy string            `json:"policy"` // the whole new one, as CSV
}

// Answer is what every call about a ticket is answered with.
type Answer struct {
	Ticket  string            `json:"ticket,omitempty"`
	Status  moderation.Status `json:"status,omitempty"`
	Account string            `json:"account,omitempty"`
	Digest  string            `json:"digest,omitempty"` // what an approval sends back
	Missing []moderation.Slot `json:"missing,omitempty"`
	Error   string            `json:"error,omitempty"`
}

// ticketRoute reads the body, calls a verb of the guard and writes its answer.
func ticketRoute(verb func(ctx context.Context, actor string, in request, id string) (moderation.Ticket, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var in request
		d := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			write(w, http.StatusBadRequest, Answer{Error: err.Error()})
			return
		}
		ticket, err := verb(req.Context(), req.Header.Get("X-Actor"), in, req.PathValue("id"))
		answer(w, ticket, err)
	}
}

// answer turns what the guard says into a response.
func answer(w http.ResponseWriter, t moderation.Ticket, err error) {
	a := Answer{Ticket: t.ID, Status: t.Status, Account: t.Subject.ID, Missing: t.Open}
	if !t.Digest.IsZero() {
		a.Digest = t.Digest.String()
	}
	if err != nil {
		a.Error = err.Error()
	}
	write(w, status(err), a)
}

// status is the response's status for what the guard says.
func status(err error) int {
	for _, family := range []struct {
		err    error
		status int
	}{
		{nil, http.StatusOK},
		{moderation.ErrPending, http.StatusAccepted},
		{moderation.ErrInvalid, http.StatusBadRequest},
		{moderation.ErrDenied, http.StatusForbidden},
		{moderation.ErrNoTicket, http.StatusNotFound},
		{moderation.ErrLimited, http.StatusTooManyRequests},
		{moderation.ErrConflicting, http.StatusConflict},
		{moderation.ErrOver, http.StatusConflict},
		{moderation.ErrFrozen, http.StatusLocked},
	} {
		if errors.Is(err, family.err) {
			return family.status
		}
	}
	return http.StatusServiceUnavailable
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked may be gone
}
