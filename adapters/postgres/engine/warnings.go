package engine

import (
	"context"
	"log/slog"
)

// warnings is where River writes what went wrong with the queue: to the
// process's logger, rather than to the standard output. What becomes of tickets
// is in the trail.
func warnings() *slog.Logger { return slog.New(onlyWarnings{slog.Default().Handler()}) }

// onlyWarnings drops what is less than a warning.
type onlyWarnings struct{ slog.Handler }

func (h onlyWarnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h onlyWarnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return onlyWarnings{h.Handler.WithAttrs(attrs)}
}

func (h onlyWarnings) WithGroup(name string) slog.Handler {
	return onlyWarnings{h.Handler.WithGroup(name)}
}
