package trail_test

import (
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

func TestALogIsOpenedWithMoreOrLessRoomAndKilled(t *testing.T) {
	t.Parallel()
	for _, blind := range []bool{false, true} {
		for _, s := range append(specimens(t, 3*trail.MinRoom, long("in parts", 70_000)), unpublished(t)) {
			d := s.disk
			d.blind = blind
			for _, room := range []int64{2*trail.MinRoom + 1, trail.MinRoom, 4 * trail.MinRoom} {
				d.room = room
				l, err := d.open(t.Context())
				if err != nil {
					t.Fatalf("%s, blind %v: %v", s.name, blind, err)
				}
				w := s.truth // the long record is more than the smallest room takes, and has it
				w.add(t, l, step(audit.EventRequested, s.name+string(rune('a'+len(w.told))), 3_000))
				killed := d.clone()
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				d.drop()
				d = killed
				f := w.examine(t.Context(), d.clone())
				if len(f.refusals)+len(f.lies) > 0 {
					t.Errorf("%s, blind %v, room %d: %v %q", s.name, blind, room, f.refusals, f.lies)
				}
			}
		}
	}
}
