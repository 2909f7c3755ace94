package replay

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/accounts"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// world is a host: its directory, its accounts, its policy and its guard.
type world struct {
	scenario  *scenario.Scenario
	clock     *clock
	directory *directory
	service   *accounts.Service
	source    *source
	policy    *policy.Authorizer
	trail     *auditTrail
	guard     *moderation.Guard

	known      map[string]scenario.Account // by canonical ID
	accountIDs []string
	ids        map[string]string // ticket's ID by the timeline's name
	names      map[string]string // and the reverse
}

// openWorld sets everything up as a host does.
func openWorld(ctx context.Context, s *scenario.Scenario, records trail.Config) (*world, error) {
	w := &world{
		scenario: s,
		clock:    &clock{now: s.Settings.Start},
		known:    make(map[string]scenario.Account),
		ids:      make(map[string]string),
		names:    make(map[string]string),
	}
	w.service = accounts.NewService(nil, w.clock.Now)
	w.directory = &directory{MapDirectory: new(moderation.MapDirectory)}
	for _, person := range s.People {
		if err := w.directory.SetActor(person); err != nil {
			return nil, err
		}
	}
	for _, account := range s.Accounts {
		if err := w.setAccount(account); err != nil {
			return nil, err
		}
	}
	w.source = &source{}
	w.source.use(scenario.PolicyFile, s.Policies[scenario.PolicyFile])
	config := scenario.PolicyConfig("", "", s.Settings)
	config.Source = w.source
	var err error
	if w.policy, err = policy.Open(ctx, config); err != nil {
		return nil, err
	}
	if w.trail, err = openTrail(ctx, records); err != nil {
		return nil, err
	}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.trail.Close())
	}
	return w, nil
}

// start makes a guard of the parts; it rebuilds what it knows from the trail.
func (w *world) start(ctx context.Context) error {
	limiter, err := policy.NewLimiter(w.policy)
	if err != nil {
		return err
	}
	s := w.scenario.Settings
	w.guard, err = moderation.New(ctx, moderation.Config{
		Directory:      w.directory,
		Authorizer:     w.policy,
		Limiter:        limiter,
		Kinds:          w.kinds(),
		Tiers:          s.Tiers,
		Audit:          w.trail,
		Notice:         s.Notice,
		Lately:         s.Lately,
		MaxFreeze:      s.MaxFreeze,
		ResolveGrace:   s.ResolveGrace,
		Questions:      s.Questions,
		HandlerTimeout: w.handlerTimeout(),
		Now:            w.clock.Now,
	})
	return err
}

// restart stops the guard and makes a new one from the trail alone, also where
// the old one could not put everything away: so it is after a crash.
func (w *world) restart(ctx context.Context) error {
	stopped := w.guard.Close(ctx)
	if err := w.trail.reopen(ctx); err != nil {
		return errors.Join(stopped, err)
	}
	return errors.Join(stopped, w.start(ctx))
}

// closeTimeout is how long the guard may take to put everything away, with
// handlers that hang.
const closeTimeout = time.Minute

// close stops the guard, and closes its trail after it. The end of the run does
// not keep it from recording what it owes, nor does a trail that was told to
// fail: that was part of the story.
func (w *world) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	w.trail.broken.Store(false)
	return errors.Join(w.guard.Close(ctx), w.trail.Close())
}

// kinds registers the accounts service's handlers.
func (w *world) kinds() []moderation.Kind {
	var kinds []moderation.Kind
	for _, k := range w.scenario.Settings.Kinds {
		registered := moderation.Kind{
			Name: k.Name, Apply: w.service.Apply(k.Down), Timed: k.Timed, Idempotent: k.Idempotent,
		}
		if k.Undo {
			registered.Undo = w.service.Undo()
		}
		if k.Probe {
			registered.Probe = w.service.Probe()
		}
		kinds = append(kinds, registered)
	}
	return kinds
}

// handlerTimeout is short where a handler will hang, for it takes real time.
func (w *world) handlerTimeout() time.Duration {
	hangs := slices.ContainsFunc(w.scenario.Lines, func(l scenario.Line) bool {
		return l.Event != nil && l.Event.Behaviour == scenario.Hangs
	})
	if hangs {
		return time.Second
	}
	return 30 * time.Second
}

// setAccount tells the directory of an account, and the service of a new one.
func (w *world) setAccount(a scenario.Account) error {
	if err := w.directory.SetTarget(a.Target, a.Handles...); err != nil {
		return err
	}
	id := a.Target.ID
	if _, known := w.known[id]; !known {
		w.accountIDs = append(w.accountIDs, id)
	}
	for other, account := range w.known { // their handles have moved here
		account.Handles = slices.DeleteFunc(slices.Clone(account.Handles), func(handle string) bool { return slices.Contains(a.Handles, handle) })
		w.known[other] = account
	}
	w.known[id] = a
	w.service.Add(id)
	return nil
}

// state is how an account stands; nil for none.
func (w *world) state(id string) *AccountState {
	state, ok := w.service.State(id)
	if !ok {
		return nil
	}
	return &AccountState{Name: w.known[id].Name(), State: state}
}

// accountOf is how a ticket's account stands.
func (w *world) accountOf(t moderation.Ticket) *AccountState {
	return w.state(t.Subject.ID)
}

// accountNamed is how the account stands that a handle or ID stands for now.
func (w *world) accountNamed(ctx context.Context, handle string) *AccountState {
	id, err := w.directory.MapDirectory.Resolve(ctx, handle)
	if err != nil {
		return nil
	}
	return w.state(id)
}

// ticketID is the ID for a name. A name that was given but got no ticket, and
// an ID in quotes, stand for themselves.
func (w *world) ticketID(name string, isID bool) string {
	if id, made := w.ids[name]; made && !isID {
		return id
	}
	return name
}

// name remembers how the timeline calls a ticket.
func (w *world) name(name, id string) {
	if name == "" || id == "" {
		return
	}
	w.ids[name], w.names[id] = id, name
}
