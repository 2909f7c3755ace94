package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// handler answers as it is told and keeps what it was given.
type handler struct {
	disabled bool
	handle   func() error
	got      []slog.Record
}

func (h *handler) Enabled(context.Context, slog.Level) bool { return !h.disabled }
func (h *handler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *handler) WithGroup(string) slog.Handler            { return h }
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	h.got = append(h.got, r)
	if h.handle == nil {
		return nil
	}
	return h.handle()
}

func TestSlogWantsAHandler(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]slog.Handler{"nil": nil, "nil pointer": (*slog.JSONHandler)(nil)} {
		if sink, err := audit.NewSlog(h, slog.LevelInfo); sink != nil || err == nil {
			t.Errorf("%s: %v, %v", name, sink, err)
		}
	}
}

func TestSlogWritesEveryFieldButState(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]audit.Record{"full": audittest.Record("id"), "refusal": refusal(), "minimal": minimalRecord("id")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			sink := must[audit.Sink](t)(audit.NewSlog(slog.NewJSONHandler(&out, nil), slog.LevelWarn))
			if err := sink.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			var got, want map[string]any
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			r.State = nil
			form, err := r.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(form, &want); err != nil {
				t.Fatal(err)
			}
			want["level"], want["msg"] = "WARN", "audit"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("log entry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSlogPassesTheHandlersFailureOn(t *testing.T) {
	t.Parallel()
	full := errors.New("log is full")
	for name, test := range map[string]struct {
		handler handler
		want    error
		text    string
	}{
		"error":       {handler{handle: func() error { return full }}, full, "log is full"},
		"panic":       {handler{handle: func() error { panic("boom") }}, audit.ErrPanic, "boom"},
		"not enabled": {handler{disabled: true}, nil, "not enabled for level INFO"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := must[audit.Sink](t)(audit.NewSlog(&test.handler, slog.LevelInfo))
			err := sink.Append(t.Context(), audittest.Record("id"))
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSlogHandlerMayKeepWhatItGets(t *testing.T) {
	t.Parallel()
	var h handler
	sink := must[audit.Sink](t)(audit.NewSlog(&h, slog.LevelInfo))
	r := audittest.Record("id")
	if err := sink.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Reviews[0].Roles[0], r.Limits[0].Key, r.Decision.Rules[0].Source = "spoiled", "spoiled", "spoiled"
	var out bytes.Buffer
	if err := slog.NewTextHandler(&out, nil).Handle(t.Context(), h.got[0]); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "spoiled") {
		t.Errorf("shares memory with the caller's record: %s", &out)
	}
}
