package trail

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/internal/typednil"
)

// Bounds and defaults of [Config].
const (
	// DefaultRoom is Config.Room where it is zero: 16 MiB.
	DefaultRoom = 16 << 20
	// MinRoom and MaxRoom bound Config.Room.
	MinRoom = 256 << 10
	MaxRoom = 1 << 30
	// DefaultPublishEvery is Config.PublishEvery where it is zero.
	DefaultPublishEvery = time.Second
	// MaxOrigin is the most bytes of Config.Origin.
	MaxOrigin = 200
)

// Config says where a log is and who signs it. Dir, Origin, one of KeyFile and
// Signer, and one of TrustedHead and WithoutTrustedHead are required.
type Config struct {
	// Dir is the log's directory. It is made, for its owner only, if it does
	// not exist; the directory above it must exist.
	Dir string
	// Origin names the log for ever, in checkpoints and in its key: a URL
	// without its scheme, such as example.com/moderation-trail, of at most
	// MaxOrigin bytes, without spaces and plus signs (C2SP tlog-checkpoint).
	Origin string
	// KeyFile holds the private key, outside of Dir. With a new log a key is
	// generated and the file made, readable by its owner only; the public key
	// is put beside it, in KeyFile.pub. A file that others can read is refused.
	KeyFile string
	// Signer signs in place of a key in a file. Its name is Origin, and its
	// signatures are Ed25519 as C2SP signed-note has them. It is called by one
	// goroutine at a time, once for each group of records, and what it returns
	// is verified. The log waits for it as long as it takes.
	Signer note.Signer
	// VerifierKey is the public key of Signer as text (C2SP signed-note).
	VerifierKey string
	// FormerKeys are public keys that have signed the log before, as text.
	FormerKeys []string
	// TrustedHead is where the newest checkpoint is remembered, out of reach of
	// whoever can write to Dir. Without it a log that was cut, put back or
	// rewritten by somebody with the key can't be told from the true one.
	TrustedHead TrustedHead
	// WithoutTrustedHead says that this is accepted.
	WithoutTrustedHead bool
	// Room is the size of each of the two write-ahead files in bytes, from
	// MinRoom to MaxRoom; zero means DefaultRoom. They are filled with zeros
	// when they are made, and are the room that is kept for outcomes and undo
	// when the disk is full. A record of more than a quarter of Room is refused.
	Room int64
	// PublishEvery is how long records stay in the write-ahead files alone
	// before they are published as tiles; zero means DefaultPublishEvery.
	PublishEvery time.Duration
}

// Beside returns the configuration of a log in a directory, with its key and its
// trusted head in files beside it: dir.key and dir.head. It is a good start. A
// trusted head that shares the log's disk and owner is no help against whoever
// can write to both: move them apart before it matters.
func Beside(dir, origin string) Config {
	if dir != "" {
		dir = filepath.Clean(dir)
	}
	return Config{Dir: dir, Origin: origin, KeyFile: dir + ".key", TrustedHead: HeadFile(dir + ".head")}
}

// ConfigError says which field of a [Config] is at fault.
type ConfigError struct {
	// Field is the field's name.
	Field string
	// Problem is what is wrong and how to mend it.
	Problem string
}

// Error implements error.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("trail: Config.%s %s", e.Field, e.Problem)
}

// check returns every fault of the configuration, joined.
func (c *Config) check() error {
	var faults []error
	fault := func(bad bool, field, problem string) {
		if bad {
			faults = append(faults, &ConfigError{field, problem})
		}
	}
	fault(c.Dir == "", "Dir", "is empty; name the log's directory")
	fault(!validOrigin(c.Origin), "Origin", fmt.Sprintf("%.60q is no name for a log; use a URL without scheme, spaces and plus signs, such as example.com/trail, of at most %d bytes", c.Origin, MaxOrigin))
	fault(c.KeyFile == "" && typednil.Is(c.Signer), "KeyFile", "is empty and there is no Signer; checkpoints must be signed")
	fault(c.KeyFile != "" && c.Signer != nil, "KeyFile", "and Signer are both set; use one of them")
	fault(c.KeyFile != "" && within(c.Dir, c.KeyFile), "KeyFile", "lies in Dir; who can read the log must not be able to sign it")
	fault(c.Signer != nil && c.VerifierKey == "", "VerifierKey", "is empty; what a Signer signs is verified with it")
	fault(c.Signer == nil && c.VerifierKey != "", "VerifierKey", "is only for a Signer; the one of KeyFile is beside it in KeyFile.pub")
	fault(typednil.Is(c.TrustedHead) && !c.WithoutTrustedHead, "TrustedHead", "is nil: give trail.HeadFile with a path that who can write to Dir can't, or accept with WithoutTrustedHead that a log which was cut or rewritten is not noticed")
	fault(!typednil.Is(c.TrustedHead) && c.WithoutTrustedHead, "WithoutTrustedHead", "is true though there is a TrustedHead; set one of them")
	if h, ok := c.TrustedHead.(*headFile); ok && h != nil {
		fault(within(c.Dir, h.path), "TrustedHead", "lies in Dir, where it shares the log's fate; put it elsewhere")
	}
	fault(c.Room != 0 && (c.Room < MinRoom || c.Room > MaxRoom), "Room", fmt.Sprintf("is %d; it must be from %d to %d bytes", c.Room, int64(MinRoom), int64(MaxRoom)))
	fault(c.PublishEvery < 0, "PublishEvery", "is negative")
	return errors.Join(faults...)
}

// validOrigin reports whether a text can be an origin and the name of a key.
func validOrigin(s string) bool {
	bad := func(r rune) bool { return r < ' ' || r == '+' || unicode.IsSpace(r) }
	return s != "" && len(s) <= MaxOrigin && utf8.ValidString(s) && !strings.ContainsFunc(s, bad)
}

// within reports whether path lies in dir, as far as their names tell.
func within(dir, path string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return true
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return true
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func (c *Config) setDefaults() {
	if typednil.Is(c.TrustedHead) {
		c.TrustedHead = nil
	}
	if c.Room == 0 {
		c.Room = DefaultRoom
	}
	if c.PublishEvery == 0 {
		c.PublishEvery = DefaultPublishEvery
	}
}
