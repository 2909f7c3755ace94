package trails

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail"
)

// Verified is a trail that was found as it was written.
type Verified struct {
	// Place is where it lies.
	Place Place
	// Checkpoint is the newest one, and Signed its text with the signature.
	Checkpoint proof.Checkpoint
	Signed     []byte
	// VerifierKey is the public key, as text for [proof.NewVerifier].
	VerifierKey string
	// Resumed says that its run was killed, and that what it had written was
	// made whole first.
	Resumed bool
}

// Verify verifies a trail that was closed, from its first entry to its last, and
// writes nothing. What was changed is a [*Changed]; any other error says that it
// could not be found out.
func (p Place) Verify(ctx context.Context) (Verified, error) {
	if err := p.checkFiles(); err != nil {
		return Verified{}, err
	}
	key, verifier, err := p.keys()
	if err != nil {
		return Verified{}, err
	}
	head, remembered, err := p.head(ctx, verifier)
	if err != nil {
		return Verified{}, err
	}
	v := Verified{Place: p, VerifierKey: key}
	if remembered.Size == 0 && p.neverPublished() {
		v.Checkpoint, v.Signed = remembered, head
		return v, nil
	}
	found, err := trail.Verify(ctx, os.DirFS(p.Dir), verifier, trail.VerifyOptions{Head: head})
	var damage *trail.DamageError
	switch {
	case errors.As(err, &damage):
		return Verified{}, p.damaged(damage, remembered)
	case err != nil:
		return Verified{}, err
	case found.Checkpoint != remembered:
		return Verified{}, &Changed{Place: p, File: p.Head, Part: Head, Problem: fmt.Sprintf("knows of %d entries only, where the trail was closed with %d", remembered.Size, found.Checkpoint.Size)}
	}
	v.Checkpoint, v.Signed = found.Checkpoint, found.Signed
	return v, nil
}

// resume makes whole what a run that was killed has left, as a host does that
// starts again, and verifies it.
func (p Place) resume(ctx context.Context) (Verified, error) {
	log, openErr := trail.Open(ctx, p.Config())
	if openErr == nil {
		openErr = log.Close()
	}
	v, err := p.Verify(ctx)
	var changed *Changed
	var damage *trail.DamageError
	switch {
	case openErr == nil:
	case errors.As(err, &changed) && !changed.AboutEntry(): // why it can't be opened, said better
	case errors.As(openErr, &damage):
		err = p.damaged(damage, proof.Checkpoint{})
	default:
		err = openErr
	}
	if err != nil {
		return Verified{}, err
	}
	v.Resumed = true
	return v, nil
}

// checkFiles finds what is missing, or is something else than it was.
func (p Place) checkFiles() error {
	for _, want := range []struct {
		at   string
		part Part
		kind fs.FileMode
	}{
		{p.Dir, Directory, fs.ModeDir}, {p.Public(), Key, 0}, {p.Key, Key, 0}, {p.Head, Head, 0},
	} {
		info, err := os.Lstat(want.at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &Changed{Place: p, File: want.at, Part: want.part, Missing: true, Problem: "is missing"}
		case err != nil:
			return err
		case info.Mode().Type() != want.kind:
			return &Changed{Place: p, File: want.at, Part: want.part, Problem: "is something else now, with mode " + info.Mode().String()}
		}
	}
	return nil
}

// keys reads the public key, and finds out whether the private one belongs to it.
func (p Place) keys() (string, *proof.Verifier, error) {
	public, err := os.ReadFile(p.Public())
	if err != nil {
		return "", nil, err
	}
	private, err := os.ReadFile(p.Key)
	if err != nil {
		return "", nil, err
	}
	key := strings.TrimSuffix(string(public), "\n")
	known, err := note.NewVerifier(key)
	if err == nil && known.Name() != p.Origin {
		err = fmt.Errorf("it is the key of %q", known.Name())
	}
	if err != nil {
		return "", nil, &Changed{Place: p, File: p.Public(), Part: Key, Problem: "is not this trail's public key any more", Err: err}
	}
	signer, err := note.NewSigner(strings.TrimSuffix(string(private), "\n"))
	if err == nil && (signer.Name() != known.Name() || signer.KeyHash() != known.KeyHash()) {
		err = fmt.Errorf("it does not belong to the public key in %s", p.Public())
	}
	if err != nil {
		return "", nil, &Changed{Place: p, File: p.Key, Part: Key, Problem: "is not this trail's private key any more", Err: err}
	}
	verifier, err := proof.NewVerifier(key)
	if err != nil {
		return "", nil, &Changed{Place: p, File: p.Public(), Part: Key, Problem: "is not this trail's public key any more", Err: err}
	}
	return key, verifier, nil
}

// head reads what the trusted head remembers.
func (p Place) head(ctx context.Context, v *proof.Verifier) ([]byte, proof.Checkpoint, error) {
	signed, err := trail.HeadFile(p.Head).Load(ctx)
	if err == nil {
		var c proof.Checkpoint
		if c, err = v.Checkpoint(signed); err == nil {
			return signed, c, nil
		}
	} else if !errors.Is(err, audit.ErrCorrupt) {
		return nil, proof.Checkpoint{}, err
	}
	return nil, proof.Checkpoint{}, &Changed{Place: p, File: p.Head, Part: Head, Problem: "can't be believed any more", Err: err}
}

// neverPublished reports whether the public face has nothing, as it is with a
// trail that never had an entry.
func (p Place) neverPublished() bool {
	for _, name := range []string{"checkpoint", "tile"} {
		if _, err := os.Lstat(filepath.Join(p.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}
