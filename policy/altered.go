package policy

import (
	"context"
	"errors"
)

// AlteredError is returned by a [Source] that holds something else than what was
// written there. An [Authorizer] quarantines it as [ReasonAltered], with a record
// and an event, as a version that nobody approved; what is in force stays so.
type AlteredError struct {
	// Digest is that under which the rows were written; empty where that can't be
	// told.
	Digest string
	// Rows are what is there instead, for whoever looks into it; nil where they
	// can't be read.
	Rows []Row
	// Err says what is wrong, and how to mend it.
	Err error
}

// Error says what is wrong.
func (e *AlteredError) Error() string {
	if e == nil || e.Err == nil {
		return "what the source holds was altered"
	}
	return "what the source holds was altered: " + e.Err.Error()
}

// Unwrap returns Err.
func (e *AlteredError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// keepAltered quarantines what a source says was altered. Other errors it returns
// as they are.
func (a *Authorizer) keepAltered(ctx context.Context, err error) error {
	var altered *AlteredError
	if !errors.As(err, &altered) || altered == nil {
		return err
	}
	rows, found := cloneRows(altered.Rows), altered.Digest
	if len(rows) > 0 {
		found = digest(rows)
	}
	return a.keepOut(ctx, a.current.Load(), found, rows, ReasonAltered, err)
}
