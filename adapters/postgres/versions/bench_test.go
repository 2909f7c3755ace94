package versions_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/policy"
)

// large is a policy of about so many rows.
func large(rows int) string {
	var b strings.Builder
	b.WriteString(constitution)
	for n := strings.Count(constitution, "\n"); n < rows; n++ {
		fmt.Fprintf(&b, "g, moderator%d, mod, *, -, -\n", n)
	}
	return b.String()
}

// BenchmarkLoad reads a version of 10,000 rows and holds it against its digest,
// beside what can't be left out: the same rows by a bare SELECT, as they come and
// put into strings, and their digest.
func BenchmarkLoad(b *testing.B) {
	const size = 10_000
	h := newHouse(b, server.Pool(b), large(size))
	query := `SELECT place, type, fields FROM ` + h.schema + `.policy_row WHERE version = 1 ORDER BY place`
	b.Run("floor=select", func(b *testing.B) {
		for b.Loop() {
			rows, err := h.pool.Query(b.Context(), query)
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for rows.Next() {
				n++
			}
			if rows.Err() != nil || n != size {
				b.Fatal(n, rows.Err())
			}
		}
	})
	b.Run("floor=scan", func(b *testing.B) {
		for b.Loop() {
			rows, err := h.pool.Query(b.Context(), query)
			if err != nil {
				b.Fatal(err)
			}
			list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r policy.Row, err error) {
				var place int
				return r, row.Scan(&place, &r.Type, &r.Fields)
			})
			if err != nil || len(list) != size {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("floor=digest", func(b *testing.B) {
		rows := rowsOf(b, large(size))
		for b.Loop() {
			if policy.Digest(rows) == "" {
				b.Fatal("no digest")
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if rows, err := h.Load(b.Context()); err != nil || len(rows) != size {
				b.Fatal(len(rows), err)
			}
		}
	})
}

// BenchmarkRevision is what a poll costs while nothing has changed, beside the
// shortest statement there is, at two sizes of the policy.
func BenchmarkRevision(b *testing.B) {
	pool := server.Pool(b)
	b.Run("floor=select1", func(b *testing.B) {
		for b.Loop() {
			var n int
			if err := pool.QueryRow(b.Context(), `SELECT 1`).Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, size := range []int{100, 10_000} {
		h := newHouse(b, pool, large(size))
		b.Run(fmt.Sprintf("rows=%d", size), func(b *testing.B) {
			for b.Loop() {
				if r, err := h.Revision(b.Context()); r == "" || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkInstall writes versions of 10,000 rows, beside the same rows copied and
// committed by themselves.
func BenchmarkInstall(b *testing.B) {
	const size = 10_000
	h := newHouse(b, server.Pool(b), large(size))
	h.must(`CREATE TABLE @.copied (LIKE @.policy_row INCLUDING ALL)`)
	a, other := rowsOf(b, large(size)), rowsOf(b, large(size-1))
	version := 0
	b.Run("floor=copy", func(b *testing.B) {
		for b.Loop() {
			version++
			if _, err := h.pool.CopyFrom(b.Context(), pgx.Identifier{h.schema, "copied"}, []string{"version", "place", "type", "fields"},
				pgx.CopyFromSlice(len(a), func(i int) ([]any, error) { return []any{version, i, a[i].Type, a[i].Fields}, nil })); err != nil {
				b.Fatal(err)
			}
		}
	})
	fence := uint64(0)
	i, back := policy.Installation{Rows: other, Digest: policy.Digest(other)}, policy.Installation{Rows: a, Digest: policy.Digest(a)}
	i.Replaces, back.Replaces = back.Digest, i.Digest
	b.Run("install", func(b *testing.B) {
		for b.Loop() {
			fence++
			i.Ticket, i.Fence = "ticket", fence
			if err := h.Install(b.Context(), i); err != nil {
				b.Fatal(err)
			}
			i, back = back, i
		}
	})
}
