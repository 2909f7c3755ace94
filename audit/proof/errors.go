package proof

import "errors"

// Errors that the package returns; test with errors.Is. Each message says what
// does not fit.
var (
	// ErrInvalid is wrapped by the error for a text that is not in its format,
	// or has more than its bounds allow, and for a value that has no text.
	ErrInvalid = errors.New("proof: malformed")
	// ErrUnverified is wrapped by the error for a well-formed text that does
	// not prove what it was given for, or is not signed with a known key.
	ErrUnverified = errors.New("proof: not proved")
	// ErrSplitView is wrapped, beside ErrUnverified, where two checkpoints of
	// one log have the same size and different roots. Where both are signed with
	// the log's key they are evidence for everybody that the log has told two
	// stories, or that its key was stolen: keep the signed texts.
	ErrSplitView = errors.New("split view")
)
