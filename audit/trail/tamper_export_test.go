package trail

import (
	"context"

	"github.com/elevenminutes/interlock/internal/disk"
)

// OpenOn opens a log as Open does, on any disk.
func OpenOn(ctx context.Context, files disk.FS, c Config) (*Log, error) {
	return open(ctx, files, c)
}

// HeadFileOn returns the TrustedHead that HeadFile returns, on any disk.
func HeadFileOn(files disk.FS, path string) TrustedHead {
	return &headFile{path: path, files: files}
}

// Attempted is closed when the log has tried once more to publish.
func (l *Log) Attempted() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempted
}
