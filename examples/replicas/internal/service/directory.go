package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/moderation"
)

// directory tells the guard who people and accounts are, from the service's own
// tables and nobody's word.
type directory struct{ accounts }

// Actor implements [moderation.Directory].
func (d directory) Actor(ctx context.Context, login string) (moderation.Actor, error) {
	actor := moderation.Actor{Login: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	var lastDay *time.Time
	err := d.pool.QueryRow(ctx, `SELECT person, last_day FROM service.staff WHERE login = $1`, login).Scan(&actor.Person, &lastDay)
	if errors.Is(err, pgx.ErrNoRows) {
		return moderation.Actor{}, fmt.Errorf("%w: %.40q", moderation.ErrUnknownActor, login)
	}
	if lastDay != nil {
		actor.LastDay = moderation.LastDayOn(lastDay.Year(), lastDay.Month(), lastDay.Day(), time.UTC)
	}
	return actor, err
}

// Resolve implements [moderation.Directory].
func (d directory) Resolve(ctx context.Context, handle string) (string, error) {
	found, err := d.find(ctx, handle)
	return found.ID, err
}

// Target implements [moderation.Directory].
func (d directory) Target(ctx context.Context, id string) (moderation.Target, error) {
	found, err := d.find(ctx, id)
	if err != nil {
		return moderation.Target{}, err
	}
	if found.ID != id {
		return moderation.Target{}, fmt.Errorf("%w: %.40q is a handle", moderation.ErrUnknownTarget, id)
	}
	return moderation.Target{ID: id, Tier: found.Tier, Domain: "main", Reach: found.Followers}, nil
}
