package trail

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/internal/disk"
)

// maxKeyFile is more than any key file has.
const maxKeyFile = 4096

// signing is the key that the log signs with.
type signing struct {
	note.Signer
	verifier    note.Verifier
	verifierKey string
	foreign     bool // what it signs must be verified
}

var errNoKey = errors.New("there is no key file")

// loadSigning returns the signer of the configuration. If its key file does not
// exist the error wraps errNoKey.
func loadSigning(files disk.FS, c *Config) (*signing, error) {
	if c.Signer != nil {
		s, err := newSigning(c.Signer, c.VerifierKey, c.Origin)
		if err != nil {
			return nil, &ConfigError{"Signer", err.Error()}
		}
		s.foreign = true
		return s, nil
	}
	text, err := readKeyFile(files, c.KeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, fmt.Errorf("trail: %s holds no private key as C2SP signed-note and x/mod's note have them: %w", c.KeyFile, err)
	}
	key, err := verifierKeyOf(text)
	if err != nil {
		return nil, fmt.Errorf("trail: %s: %w", c.KeyFile, err)
	}
	s, err := newSigning(signer, key, c.Origin)
	if err != nil {
		return nil, fmt.Errorf("trail: %s: %w", c.KeyFile, err)
	}
	return s, nil
}

func newSigning(signer note.Signer, key, origin string) (*signing, error) {
	verifier, err := note.NewVerifier(key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the verifier key is not valid: %w", err)
	case signer.Name() != origin || verifier.Name() != origin:
		return nil, fmt.Errorf("the key is %q's, not %q's: its name must be the origin", verifier.Name(), origin)
	case signer.KeyHash() != verifier.KeyHash():
		return nil, fmt.Errorf("the signer has key %08x and the verifier key %08x", signer.KeyHash(), verifier.KeyHash())
	}
	return &signing{Signer: signer, verifier: verifier, verifierKey: key}, nil
}

// readKeyFile reads a key that nobody but its owner can.
func readKeyFile(files disk.FS, path string) (string, error) {
	f, err := files.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("trail: %w: %w", errNoKey, err)
	}
	if err != nil {
		return "", fmt.Errorf("trail: opening the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("trail: opening the key file: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("trail: the key file %s is not a regular file", path)
	case sharedMode(info.Mode()):
		return "", fmt.Errorf("trail: the key file %s can be read or written by others (%v): make it its owner's alone with chmod 600, and think about who may have read it", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxKeyFile))
	if err != nil {
		return "", fmt.Errorf("trail: reading the key file: %w", err)
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}

// generateKey makes a key and its two files, which must not exist yet.
func generateKey(files disk.FS, path, origin string) error {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("trail: generating a key: %w", err)
	}
	if err := createFile(files, path+".pub", public+"\n", os.O_TRUNC); err != nil {
		return fmt.Errorf("trail: writing the public key: %w", err)
	}
	// The private key comes last and whole: where there is one, there are both.
	next := path + ".new"
	if err := createFile(files, next, private+"\n", os.O_TRUNC); err != nil {
		return fmt.Errorf("trail: writing the key file: %w", err)
	}
	if err := files.Rename(next, path); err != nil {
		return fmt.Errorf("trail: writing the key file: %w", err)
	}
	return syncKeyName(files, path)
}

// syncKeyName makes the name of the key file durable.
func syncKeyName(files disk.FS, path string) error {
	if err := files.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("trail: writing the key file: %w", err)
	}
	return nil
}

// createFile writes a whole file for its owner alone, and syncs it.
func createFile(files disk.FS, path, text string, flag int) error {
	f, err := files.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	if err = writeAll(f, []byte(text), 0); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// writeAll writes all of b at an offset.
func writeAll(f disk.File, b []byte, offset int64) error {
	n, err := f.WriteAt(b, offset)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// verifierKeyOf returns the public key of a private one, both as text.
func verifierKeyOf(private string) (string, error) {
	parts := strings.SplitN(private, "+", 5)
	if len(parts) != 5 {
		return "", errors.New("the private key is malformed")
	}
	name, encoded := parts[2], parts[4]
	seed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return "", errors.New("the private key is malformed")
	}
	key := ed25519.NewKeyFromSeed(seed[1:])
	return note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
}

// sharedMode reports whether others than the owner have rights to a file.
func sharedMode(mode fs.FileMode) bool {
	return runtime.GOOS != "windows" && mode.Perm()&0o077 != 0
}
