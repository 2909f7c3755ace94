package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultSchema is the schema where Config names none.
const DefaultSchema = "interlock"

// Config is what a [Store] is made of. Pool is required.
type Config struct {
	// Pool leads to the database. The store does not close it.
	Pool *pgxpool.Pool
	// Schema is where the tables are; see [Migrate]. Empty means
	// [DefaultSchema].
	Schema string
	// Scheduler is told when tickets are due. Nil for nobody: then each
	// replica runs moderation.Guard.Run, which polls.
	Scheduler Scheduler
}
