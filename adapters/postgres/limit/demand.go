package limit

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// demand is what a charge asks of the database, as arguments of limit_charge_1:
// buckets in the order in which everybody locks them.
type demand struct {
	what       *string // names the charge of its ticket; nil where it has none
	payer      []byte
	opens      bool // the ticket begins
	facts      []string
	names      []string // of the buckets' meters
	whom       []string
	openMeters []string // those of names that count unfinished tickets
	wants      []int64
	first      []int32 // of each bucket's limits, from 1
	last       []int32
	amounts    []int64
	windows    []int64
	slots      []string
	ranks      []int32 // limits in the order of the policy
	approved   []string
	places     []int // of the buckets among the draws
}

func newDemand(draws []policy.Draw, c *moderation.Charge) *demand {
	d := &demand{openMeters: []string{}, names: []string{}, whom: []string{}, wants: []int64{}, first: []int32{}, last: []int32{},
		amounts: []int64{}, windows: []int64{}, slots: []string{}, ranks: []int32{}, approved: slotTexts(c.Overrun)}
	d.setTicket(c)
	d.places = make([]int, len(draws))
	for i := range d.places {
		d.places[i] = i
	}
	slices.SortFunc(d.places, func(a, b int) int {
		return cmp.Or(strings.Compare(draws[a].Meter.Name, draws[b].Meter.Name), strings.Compare(stored(draws[a].Value), stored(draws[b].Value)))
	})
	starts := make([]int32, len(draws))
	for _, place := range d.places {
		starts[place] = int32(len(d.amounts)) + 1
		d.add(&draws[place])
	}
	for i := range draws {
		for j := range draws[i].Meter.Rates {
			d.ranks = append(d.ranks, starts[i]+int32(j))
		}
	}
	return d
}

func (d *demand) add(w *policy.Draw) {
	d.names, d.whom, d.wants = append(d.names, w.Meter.Name), append(d.whom, stored(w.Value)), append(d.wants, w.Want)
	if w.Meter.Unit == unitOpen {
		d.openMeters = append(d.openMeters, w.Meter.Name)
	}
	d.first = append(d.first, int32(len(d.amounts))+1)
	for i, r := range w.Meter.Rates {
		d.amounts, d.windows = append(d.amounts, r.Amount), append(d.windows, int64(r.Window))
		d.slots = append(d.slots, strings.Join(slotTexts(w.Over[i]), "\n"))
	}
	d.last = append(d.last, int32(len(d.amounts)))
}

// unitOpen is the unit of meters of unfinished tickets.
const unitOpen = "open"

// setTicket says what is charged once, and what is counted while it is
// unfinished.
func (d *demand) setTicket(c *moderation.Charge) {
	d.facts = []string{stored(c.Ticket), string(c.Step)}
	for _, fact := range []string{c.Person, c.Actor, c.Kind, c.Target, c.Tier, c.Domain} {
		d.facts = append(d.facts, stored(fact))
	}
	d.facts = append(d.facts, string(c.For))
	if c.Ticket == "" {
		return
	}
	what := string(c.At) + " " + string(c.Step)
	if c.Step == moderation.StepReject { // which several people may try
		what += " " + stored(c.Person)
	}
	d.what = &what
	d.payer = payer(c)
	d.opens = c.At == moderation.ChargeRequest && c.Step != moderation.StepReject
}

// payer is a sum of what may not differ when a charge is repeated. Tier, reach
// and count may: they are asked afresh each time.
func payer(c *moderation.Charge) []byte {
	h := sha256.New()
	for _, part := range []string{c.Person, c.Actor, c.Kind, c.Target} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// maxStored is how long a name is stored as it is: an entry of an index has
// little more room than several such.
const maxStored = 512

// summed is what the sum of a name begins with that can't be stored as it is.
const summed = "sha256:"

// stored returns the text under which a name is stored: itself, or its sum. Two
// names never have one text.
func stored(name string) string {
	if len(name) <= maxStored && utf8.ValidString(name) && strings.IndexByte(name, 0) < 0 && !strings.HasPrefix(name, summed) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return summed + hex.EncodeToString(sum[:])
}

// slotTexts renders slots so that two are the same text if and only if they are
// equal; none has a line break.
func slotTexts(slots []moderation.Slot) []string {
	texts := make([]string, len(slots))
	for i, slot := range slots {
		roles := make([]string, len(slot))
		for j, role := range slot {
			roles[j] = strconv.QuoteToASCII(role)
		}
		texts[i] = "slot " + strings.Join(roles, "|")
	}
	return texts
}
