package trail

import "context"

// TrustedHead remembers the newest signed checkpoint of one log, where whoever
// can change the log's directory can't change it: in another directory, on
// another machine, with a witness. A log that does not contain what its trusted
// head has seen is refused.
//
// Save is called by one goroutine at a time, after each group of records is
// durable and before any of its appends is acknowledged, so what it takes is
// added to each append. If it fails, the log takes no more records until it is
// opened again. Neither may keep or change the bytes after it has returned.
type TrustedHead interface {
	// Load returns the checkpoint that was saved last, or nil if none ever was.
	Load(ctx context.Context) ([]byte, error)
	// Save keeps the checkpoint in place of the one before it.
	Save(ctx context.Context, checkpoint []byte) error
}
