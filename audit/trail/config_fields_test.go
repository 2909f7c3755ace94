package trail_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit/trail"
)

// typedNil is a nil pointer that is a Signer and a TrustedHead.
type typedNil struct{}

func (*typedNil) Name() string                         { panic("called") }
func (*typedNil) KeyHash() uint32                      { panic("called") }
func (*typedNil) Sign([]byte) ([]byte, error)          { panic("called") }
func (*typedNil) Load(context.Context) ([]byte, error) { panic("called") }
func (*typedNil) Save(context.Context, []byte) error   { panic("called") }

func TestAFieldThatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	tests := map[string]struct {
		change func(c *trail.Config)
		want   []string // fields, in any order
	}{
		"nothing at all":              {func(c *trail.Config) { *c = trail.Config{} }, []string{"Dir", "KeyFile", "Origin", "TrustedHead"}},
		"no directory":                {func(c *trail.Config) { c.Dir = "" }, []string{"Dir"}},
		"no origin":                   {func(c *trail.Config) { c.Origin = "" }, []string{"Origin"}},
		"an origin with a space":      {func(c *trail.Config) { c.Origin = "example.com/my trail" }, []string{"Origin"}},
		"an origin with a plus":       {func(c *trail.Config) { c.Origin = "example.com/a+b" }, []string{"Origin"}},
		"an origin with a newline":    {func(c *trail.Config) { c.Origin = "example.com\n12" }, []string{"Origin"}},
		"an origin with U+2028":       {func(c *trail.Config) { c.Origin = "example.com\u2028" }, []string{"Origin"}},
		"an origin with U+0085":       {func(c *trail.Config) { c.Origin = "example.com\u0085" }, []string{"Origin"}},
		"an origin that is not UTF":   {func(c *trail.Config) { c.Origin = "example.com/\xff" }, []string{"Origin"}},
		"an origin that is too long":  {func(c *trail.Config) { c.Origin = strings.Repeat("x", trail.MaxOrigin+1) }, []string{"Origin"}},
		"no key":                      {func(c *trail.Config) { c.KeyFile = "" }, []string{"KeyFile"}},
		"a signer that is nil":        {func(c *trail.Config) { c.KeyFile, c.Signer, c.VerifierKey = "", (*typedNil)(nil), "x" }, []string{"KeyFile"}},
		"two keys":                    {func(c *trail.Config) { c.Signer, c.VerifierKey = key, "x" }, []string{"KeyFile"}},
		"a key and a nil signer":      {func(c *trail.Config) { c.Signer = (*typedNil)(nil) }, []string{"KeyFile", "VerifierKey"}},
		"a key in the directory":      {func(c *trail.Config) { c.KeyFile = filepath.Join(c.Dir, "key") }, []string{"KeyFile"}},
		"a key deep in it":            {func(c *trail.Config) { c.KeyFile = filepath.Join(c.Dir, "x", "..", "log", "key") }, []string{"KeyFile"}},
		"a signer without its key":    {func(c *trail.Config) { c.KeyFile, c.Signer = "", key }, []string{"VerifierKey"}},
		"a verifier key for a file":   {func(c *trail.Config) { c.VerifierKey = "x" }, []string{"VerifierKey"}},
		"no head":                     {func(c *trail.Config) { c.TrustedHead = nil }, []string{"TrustedHead"}},
		"a head that is nil":          {func(c *trail.Config) { c.TrustedHead = (*typedNil)(nil) }, []string{"TrustedHead"}},
		"a head in the directory":     {func(c *trail.Config) { c.TrustedHead = trail.HeadFile(filepath.Join(c.Dir, "head")) }, []string{"TrustedHead"}},
		"a head and without one":      {func(c *trail.Config) { c.WithoutTrustedHead = true }, []string{"WithoutTrustedHead"}},
		"too little room":             {func(c *trail.Config) { c.Room = trail.MinRoom - 1 }, []string{"Room"}},
		"negative room":               {func(c *trail.Config) { c.Room = -1 }, []string{"Room"}},
		"too much room":               {func(c *trail.Config) { c.Room = trail.MaxRoom + 1 }, []string{"Room"}},
		"publishing before it is due": {func(c *trail.Config) { c.PublishEvery = -time.Second }, []string{"PublishEvery"}},
		"three faults at once":        {func(c *trail.Config) { c.Room, c.Origin, c.PublishEvery = 1, "", -1 }, []string{"Origin", "PublishEvery", "Room"}},

		// What only shows when the key is read.
		"a verifier key that is none": {func(c *trail.Config) { c.KeyFile, c.Signer, c.VerifierKey = "", key, "none" }, []string{"Signer"}},
		"another's verifier key": {func(c *trail.Config) {
			c.KeyFile, c.Signer, c.VerifierKey = "", key, verifierKeyOf(t, "example.com/trail")
		}, []string{"Signer"}},
		"a signer of another name": {func(c *trail.Config) {
			c.KeyFile, c.Signer, c.VerifierKey = "", key, verifierKeyOf(t, "example.com/other")
		}, []string{"Signer"}},
		"a former key that is none": {func(c *trail.Config) { c.FormerKeys = []string{"none"} }, []string{"FormerKeys"}},
		"another log's former key":  {func(c *trail.Config) { c.FormerKeys = []string{verifierKeyOf(t, "example.com/other")} }, []string{"FormerKeys"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPlace(t).config()
			tt.change(&c)
			l, err := trail.Open(t.Context(), c)
			if l != nil {
				t.Error("the log was opened")
			}
			if diff := cmp.Diff(tt.want, faultyFields(err)); diff != "" {
				t.Errorf("error = %v\nfields (-want +got):\n%s", err, diff)
			}
			if c.Dir == "" || tt.want[0] == "Signer" || tt.want[0] == "FormerKeys" {
				return
			}
			if _, err := os.Stat(c.Dir); err == nil {
				t.Error("the directory was made all the same")
			}
		})
	}
}

// verifierKeyOf returns the public key of a new key of that name.
func verifierKeyOf(tb testing.TB, name string) string {
	tb.Helper()
	_, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		tb.Fatal(err)
	}
	return public
}

// faultyFields returns the fields of all ConfigErrors in an error, sorted.
func faultyFields(err error) (fields []string) {
	switch err := err.(type) {
	case *trail.ConfigError:
		return []string{err.Field}
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			fields = append(fields, faultyFields(e)...)
		}
	case interface{ Unwrap() error }:
		return faultyFields(err.Unwrap())
	}
	slices.Sort(fields)
	return fields
}

func TestWithoutATrustedHeadNoneIsAsked(t *testing.T) {
	t.Parallel()
	for _, head := range []trail.TrustedHead{nil, (*typedNil)(nil)} {
		c := newPlace(t).config()
		c.TrustedHead, c.WithoutTrustedHead = head, true
		for range 2 {
			l := openWith(t, c)
			if err := errors.Join(l.Append(t.Context(), brief(0)), l.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAConfigErrorSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	_, err := trail.Open(t.Context(), trail.Config{})
	var fault *trail.ConfigError
	if !errors.As(err, &fault) || fault.Field != "Dir" || !strings.Contains(err.Error(), "trail: Config.TrustedHead is nil: give trail.HeadFile") {
		t.Errorf("error = %v", err)
	}
}

func TestTheDirectoryAboveTheLogMustExist(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.config()
	c.Dir = filepath.Join(p.base, "missing", "trail")
	if _, err := trail.Open(t.Context(), c); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("error = %v, want one that names the directory", err)
	}
	if _, err := os.Stat(filepath.Join(p.base, "missing")); err == nil {
		t.Error("it was made")
	}
}

func TestADirectoryThatIsAFileIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if err := os.WriteFile(p.dir(), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Open(t.Context(), p.config()); err == nil {
		t.Error("it was opened")
	}
	if b, err := os.ReadFile(p.dir()); err != nil || string(b) != "mine" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
