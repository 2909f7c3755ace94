package limit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/limit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

const some = "p3, person, *, *, *, requests, 5, 1h, refuse\np3, all, *, *, *, requests, 50, 1h, refuse\n"

func TestNewRefusesWhatItCanNotWorkWith(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	authorizer := open(t, pool, some).authorizer
	serializable := pool.Config()
	serializable.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	for _, tc := range []struct {
		name   string
		change func(*limit.Config)
		want   string
	}{
		{"no pool", func(c *limit.Config) { c.Pool = nil }, "limit: Config.Pool is nil"},
		{"no authorizer", func(c *limit.Config) { c.Authorizer = nil }, "limit: Config.Authorizer was not made with policy.Open"},
		{"the zero authorizer", func(c *limit.Config) { c.Authorizer = new(policy.Authorizer) }, "limit: Config.Authorizer was not made with policy.Open"},
		{"no schema", func(c *limit.Config) { c.Schema = "elsewhere" }, "call Migrate first"},
		{"a schema's hostile name", func(c *limit.Config) { c.Schema = "a; DROP" }, "letters, digits and underscores"},
		{"negative timeout", func(c *limit.Config) { c.Timeout = -1 }, "can be negative"},
		{"negative memory", func(c *limit.Config) { c.Remember = -1 }, "can be negative"},
		{"another isolation", func(c *limit.Config) {
			c.Pool = server.Connect(t, pool.Config().ConnString()+"&default_transaction_isolation=serializable")
		}, "set it to read committed"},
	} {
		c := limit.Config{Pool: pool, Authorizer: authorizer}
		tc.change(&c)
		if l, err := limit.New(t.Context(), c); l != nil && err == nil || err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "limit: ") {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := limit.New(t.Context(), limit.Config{Pool: server.Pool(t), Authorizer: authorizer}); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("a database without tables: %v, want ErrSchema", err)
	}
}

// Whatever fails refuses, with an error and the zero Usage.
func TestWhateverFailsRefuses(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	good := func(t *testing.T) *limit.Limiter { return open(t, migrated(t), some).Limiter }
	broken := func(text string) func(t *testing.T) *limit.Limiter {
		return func(t *testing.T) *limit.Limiter {
			r := open(t, migrated(t), some)
			take(t, r, charge("ann", 1, ticket("before")))
			r.exec(text)
			return r.Limiter
		}
	}
	// Changes the answer of the database.
	lie := func(from, to string) func(t *testing.T) *limit.Limiter {
		return func(t *testing.T) *limit.Limiter {
			r := open(t, migrated(t), some)
			var body string
			if err := r.pool.QueryRow(t.Context(), "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'limit_charge_1'").Scan(&body); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(body, from) {
				t.Fatalf("the function lacks %q", from)
			}
			r.exec(strings.Replace(body, from, to, 1))
			return r.Limiter
		}
	}
	for _, tc := range []struct {
		name string
		ctx  context.Context
		l    func(*testing.T) *limit.Limiter
		c    moderation.Charge
		want string
	}{
		{"nil limiter", t.Context(), func(*testing.T) *limit.Limiter { return nil }, charge("ann", 1), "was not made with New"},
		{"zero limiter", t.Context(), func(*testing.T) *limit.Limiter { return new(limit.Limiter) }, charge("ann", 1), "was not made with New"},
		{"context that is done", done, good, charge("ann", 1), "context canceled"},
		{"zero charge", t.Context(), good, moderation.Charge{}, "Charge.At"},
		{"no person", t.Context(), good, charge("", 1), "Charge.Person is empty"},
		{"tables that are gone", t.Context(), broken("DROP TABLE interlock.bucket CASCADE"), charge("ann", 1), ""},
		{"a function that is gone", t.Context(), broken("ALTER FUNCTION interlock.limit_charge_1 RENAME TO gone"), charge("ann", 1), "limit_charge_1"},
		{"no epoch", t.Context(), broken("DELETE FROM interlock.limit_epoch"), charge("ann", 1), ""},
		{"a bucket that holds more than it can", t.Context(), broken("UPDATE interlock.bucket SET held = '{7}' WHERE meter LIKE 'person%'"), charge("ann", 1), "it held 7 by a rate of 5"},
		{"a bucket that holds nothing known", t.Context(), broken("UPDATE interlock.bucket SET held = '{NaN}' WHERE meter LIKE 'person%'"), charge("ann", 1), ""},
		{"a bucket without rates", t.Context(), broken("UPDATE interlock.bucket SET held = '{}', amounts = '{}', windows = '{}' WHERE meter LIKE 'person%'"), charge("ann", 1), "0 rates"},
		{"an answer that nothing bears out", t.Context(), lie("over[j] := want[i] > greatest(remains[j], 0);", "over[j] := false;"), charge("ann", 6), "do not bear out"},
		{"a refusal that nothing bears out", t.Context(), lie("over[j] := want[i] > greatest(remains[j], 0);", "over[j] := true;"), charge("ann", 1), "do not bear out"},
		{"an unknown answer", t.Context(), lie("'again' WHEN blocked", "'maybe' WHEN NOT blocked"), charge("ann", 1), ""},
		{"lost for ever", t.Context(), lie("IF NOT FOUND THEN", "IF true THEN"), charge("ann", 1), "again and again"},
		{"a bucket is left out", t.Context(), lie("RETURN NEXT;", ""), charge("ann", 1), "rates"},
		{"too many buckets", t.Context(), lie("place := i;", "place := i + 1;"), charge("ann", 1), "bucket 3 of 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := tc.l(t)
			for name, ask := range map[string]func(context.Context, moderation.Charge) (moderation.Usage, error){"Take": l.Take, "Peek": l.Peek} {
				u, err := ask(tc.ctx, tc.c)
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "limit: ") {
					t.Errorf("%s: %v; want it to say %q", name, err, tc.want)
				}
				if diff := cmp.Diff(moderation.Usage{}, u); diff != "" {
					t.Errorf("%s returns a usage with its error:\n%s", name, diff)
				}
			}
		})
	}
}

// Whoever holds a bucket holds up a charge no longer than its timeout.
func TestATakeThatWaitsEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), some)
	take(t, r, charge("ann", 1))
	tx, err := r.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM interlock.bucket WHERE meter LIKE 'all%' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	quick, err := limit.New(t.Context(), limit.Config{Pool: r.pool, Authorizer: r.authorizer, Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if u, err := quick.Take(t.Context(), charge("ann", 1, ticket("late"))); u.Allowed || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while a bucket is held: %+v, %v", u, err)
	}
	if u := peek(t, quick, charge("ann", 1)); !u.Allowed {
		t.Errorf("a look waits too, or found %+v", u)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := take(t, r, charge("ann", 1, ticket("late"))); !u.Allowed {
		t.Errorf("afterwards: %+v", u)
	}
}

// Names that would make one key when joined, or that a database can't store.
func TestHostileNamesHaveBucketsOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := open(t, migrated(t), "p3, person, *, *, *, requests, 1, 1h, refuse\np3, actor, *, *, *, requests, 1, 1h, refuse\np3, person, *, *, *, open, 1, -, refuse\n")
	for i, name := range []string{"all", "a", "a,b", "a\x00b", "a\xffb", "a\xfeb", "a\ufffdb", "person=a", "'; DROP TABLE interlock.bucket --", "1h", "a ", " a", "A", "\u00e1", "a\u0301",
		"sha256:00", strings.Repeat("a", 600), strings.Repeat("a", 601), strings.Repeat("x", 100_000)} {
		c := charge(name, 1, ticket(fmt.Sprintf("t%d-%s", i, name)))
		c.Actor = "actor=" + name
		if u := take(t, r, c); !u.Allowed || u.Limits[0].Key != "person="+name {
			t.Errorf("%.40q shares a bucket: %.200v", name, u)
		}
		c.Ticket += "2"
		if u := take(t, r, c); u.Allowed {
			t.Errorf("%.40q has two buckets", name)
		}
	}
}
