package versions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/casbin/casbin/v2/persist"
	"github.com/jackc/pgx/v5"
)

// Listener is a Casbin watcher that calls back when somebody has written a
// version, for policy.WatchConfig.Watcher: a hint, which may be lost. Make one with
// [Table.Listen]; the zero Listener refuses everything.
type Listener struct {
	table  *Table
	lost   func(error)
	stop   context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	notify func(string)
}

var _ persist.Watcher = (*Listener)(nil)

// Listen listens, on a connection of its own and in a goroutine of its own, until
// ctx is done or the Listener is closed. A connection that is lost is made again,
// with longer and longer waits of up to half a minute; since something may have
// been missed meanwhile, a new connection is a hint too. One that has gone silent
// is found within a minute.
//
// lost is told, by that goroutine, why a connection could not be had or was lost.
// Nil tells nobody: nothing but milliseconds is lost as long as the policy is
// polled. Behind a pooler that does not keep sessions, such as PgBouncer in its
// transaction mode, no hint arrives.
func (t *Table) Listen(ctx context.Context, lost func(error)) *Listener {
	ctx, stop := context.WithCancel(ctx)
	l := &Listener{table: t, lost: lost, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		defer stop()
		if t.isOpen() {
			l.run(ctx)
		} else {
			l.tell(errNotOpen)
		}
	}()
	return l
}

// SetUpdateCallback sets what is called at each hint, in place of what was set
// before. It is called by the Listener's goroutine, one call at a time, and should not
// take long.
func (l *Listener) SetUpdateCallback(callback func(string)) error {
	switch {
	case l == nil || l.ended == nil:
		return errors.New("versions: the Listener was not made with Table.Listen")
	case callback == nil:
		return errors.New("versions: the callback is nil")
	}
	l.mu.Lock()
	l.notify = callback
	l.mu.Unlock()
	return nil
}

// Update tells all listeners of the schema to look again, within ten seconds or
// not at all. Nobody needs it: what writes a version tells them itself.
func (l *Listener) Update() error {
	if l == nil || !l.table.isOpen() {
		return errNotOpen
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	if _, err := l.table.pool.Exec(ctx, `SELECT pg_notify($1, '')`, l.table.channel()); err != nil {
		return fmt.Errorf("versions: %w", err)
	}
	return nil
}

// Close stops listening and returns when the callback will not be called any more.
// It is not to be called by the callback.
func (l *Listener) Close() {
	if l == nil || l.ended == nil {
		return
	}
	l.stop()
	<-l.ended
}

// Bounds of a listener's connection.
const (
	firstPause    = 100 * time.Millisecond // before a lost connection is made again
	longestPause  = 30 * time.Second       // before one that could not be made often
	answerTimeout = 10 * time.Second       // for whatever the server is asked
	silence       = 30 * time.Second       // after which the server is asked whether it is there
)

// run connects again and again.
func (l *Listener) run(ctx context.Context) {
	pause := firstPause
	for {
		heard, err := l.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		l.tell(fmt.Errorf("versions: listening for changes of the policy: %w", err))
		if heard {
			pause = firstPause
		}
		wait := time.NewTimer(pause/2 + rand.N(pause)/2)
		pause = min(2*pause, longestPause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
	}
}

// listen listens on one connection until it is lost. It reports whether it could.
func (l *Listener) listen(ctx context.Context) (heard bool, err error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(bound)
	}()
	if err := ask(ctx, conn, "LISTEN "+pgx.Identifier{l.table.channel()}.Sanitize()); err != nil {
		return false, err
	}
	l.hint()
	for {
		bound, cancel := context.WithTimeout(ctx, silence)
		_, err := conn.WaitForNotification(bound)
		quiet := bound.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return true, ctx.Err()
		case err == nil:
			l.hint()
		case !quiet || conn.IsClosed():
			return true, err
		default:
			if err := ask(ctx, conn, "SELECT 1"); err != nil {
				return true, err
			}
		}
	}
}

// connect makes a connection with the settings of the pool.
func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	pool := l.table.pool.Config()
	config := pool.ConnConfig.Copy()
	if pool.BeforeConnect != nil { // may have the password
		if err := pool.BeforeConnect(ctx, config); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, config)
}

// ask has the server answer soon.
func ask(ctx context.Context, conn *pgx.Conn, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, sql)
	return err
}

// hint calls back. A callback that panics is told of, and called again next time.
func (l *Listener) hint() {
	l.mu.Lock()
	notify := l.notify
	l.mu.Unlock()
	if notify == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			l.tell(fmt.Errorf("versions: the update callback panicked: %v", p))
		}
	}()
	notify("")
}

func (l *Listener) tell(err error) {
	if l.lost == nil {
		return
	}
	defer func() { _ = recover() }() // it was told
	l.lost(err)
}
