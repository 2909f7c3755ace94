package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	l := openLedger(t, server.Connect(t, server.DSN("postgres")))
	for name, tt := range map[string]struct {
		change func(*engine.Config)
		field  string
	}{
		"no pool":                                {func(c *engine.Config) { c.Pool = nil }, "Pool"},
		"no scheduler":                           {func(c *engine.Config) { c.Scheduler = nil }, "Scheduler"},
		"the zero scheduler":                     {func(c *engine.Config) { c.Scheduler = new(engine.Scheduler) }, "Scheduler"},
		"no guard":                               {func(c *engine.Config) { c.Guard = nil }, "Guard"},
		"a guard that could not be made":         {func(c *engine.Config) { c.Guard = (*moderation.Guard)(nil) }, "Guard"},
		"no store":                               {func(c *engine.Config) { c.Store = nil }, "Store"},
		"a store that could not be made":         {func(c *engine.Config) { c.Store = (*ledger)(nil) }, "Store"},
		"a negative time for handlers":           {func(c *engine.Config) { c.HandlerTimeout = -1 }, "HandlerTimeout"},
		"jobs no longer than handlers":           {func(c *engine.Config) { c.JobTimeout = c.HandlerTimeout }, "JobTimeout"},
		"rescue while the job may be under way":  {func(c *engine.Config) { c.JobTimeout, c.RescueAfter = time.Minute, time.Minute }, "RescueAfter"},
		"asking without a pause":                 {func(c *engine.Config) { c.PollEvery = time.Millisecond }, "PollEvery"},
		"sweeping without a pause":               {func(c *engine.Config) { c.SweepEvery = -1 }, "SweepEvery"},
		"fewer tickets at a time than none":      {func(c *engine.Config) { c.Parallel = -1 }, "Parallel"},
		"more tickets at a time than River runs": {func(c *engine.Config) { c.Parallel = 10_001 }, "Parallel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := l.config()
			tt.change(&c)
			if _, err := engine.NewWorker(c); err == nil || !strings.Contains(err.Error(), "engine: Config."+tt.field) {
				t.Errorf("NewWorker = %v, want a fault of %s", err, tt.field)
			}
			if _, err := engine.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "engine: Config."+tt.field) {
				t.Errorf("New = %v, want a fault of %s", err, tt.field)
			}
		})
	}
	_, err := engine.NewWorker(engine.Config{})
	for _, field := range []string{"Pool", "Scheduler", "Guard", "Store"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("the zero Config is refused with %v, which does not name %s", err, field)
		}
	}
}

func TestAJobMayTakeLongerThanAHandler(t *testing.T) {
	t.Parallel()
	c := openLedger(t, server.Connect(t, server.DSN("postgres"))).config()
	c.HandlerTimeout = 2 * time.Minute
	w, err := engine.NewWorker(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Timeout(nil); got != 2*time.Minute+10*time.Second {
		t.Errorf("a job may take %v", got)
	}
}
