package moderation

import (
	"context"
	"slices"
	"time"
)

// chargedFor tells what charges of a ticket are for.
func (t *Ticket) chargedFor() ChargeFor {
	switch {
	case t.Batch != nil:
		return ChargeForBatch
	case t.Mandate != "":
		return ChargeForMember
	}
	return ChargeForTarget
}

func (f *findings) chargedFor() ChargeFor {
	switch {
	case f.members > 0 && f.mandate == "":
		return ChargeForBatch
	case f.mandate != "":
		return ChargeForMember
	}
	return ChargeForTarget
}

// charges are what the ticket was charged: a batch for each tier and domain.
func (t *Ticket) charges(at ChargeAt, now time.Time) []Charge {
	c := t.charge(at, now)
	if t.Batch == nil {
		return []Charge{c}
	}
	classes := t.Batch.Asked
	if at == ChargeExecute {
		classes = t.Batch.classes()
	}
	return classCharges(c, classes)
}

// classCharges divides the charge of a batch. The parts have names of their own,
// since a limiter charges a ticket once.
func classCharges(c Charge, classes []BatchClass) []Charge {
	charges := make([]Charge, len(classes))
	for i, class := range classes {
		charges[i] = c
		charges[i].Ticket += "#" + class.Tier + "#" + class.Domain
		charges[i].Tier, charges[i].Domain, charges[i].Count, charges[i].Reach = class.Tier, class.Domain, class.Count, class.Reach
	}
	return charges
}

// askingBatch charges a batch for having been asked: all of it or, as far as can
// be told beforehand, nothing. What an exhausted limit lets pass with more
// approvals gets more slots.
func (q *inquiry) askingBatch(ctx context.Context, step Step, f *findings, peek bool) error {
	over, err := q.chargeClasses(ctx, classCharges(f.charge(ChargeRequest, step, f.id), f.classes), f, nil, peek)
	f.extra = append(f.extra, over...)
	return err
}

// roomForBatch charges a batch for the execution of all of its members, once.
func (q *inquiry) roomForBatch(ctx context.Context, step Step, f *findings, peek bool) error {
	charges := classCharges(f.charge(ChargeExecute, step, f.id), f.classes)
	charges = slices.DeleteFunc(charges, func(c Charge) bool { return q.g.waits.paid(c.Ticket) })
	over, err := q.chargeClasses(ctx, charges, f, f.overrun, peek)
	if f.usage.Over = over; len(over) > 0 && err == nil {
		f.usage.Allowed = false
		return limited(f.usage)
	}
	return err
}

// chargeClasses charges all or, where one of them is refused, none: they are
// peeked at first. Nothing that was charged is given back, so where another
// caller comes between the two the batch has paid for what it did not get. It
// returns the slots that exhausted limits ask for: with those of a request, it is
// charged over the limit; without those given, nothing is charged.
func (q *inquiry) chargeClasses(ctx context.Context, charges []Charge, f *findings, given []Slot, peek bool) (over []Slot, err error) {
	known := make(map[string]bool) // limits whose slots are among over
	for i := range charges {
		u, err := q.charge(ctx, charges[i], true)
		if err != nil {
			return nil, err
		}
		if !u.Allowed && len(u.Over) == 0 {
			return nil, limited(u)
		}
		if charges[i].Overrun = u.Over; !u.Allowed && !known[limitName(u)] {
			known[limitName(u)] = true
			over = append(over, u.Over...)
		}
	}
	if charged := len(charges) > 0 && charges[0].At == ChargeExecute; charged {
		if over = missingSlots(over, given); len(over) > 0 {
			return over, nil
		}
	}
	f.usage.Allowed = true
	for _, c := range charges {
		u, err := q.charge(ctx, c, peek)
		if err != nil {
			return nil, err
		}
		f.usage.Limits = slices.Concat(f.usage.Limits, u.Limits)
		if !u.Allowed {
			f.usage.Allowed = false
			return nil, limited(u)
		}
		if !peek && c.At == ChargeExecute {
			q.g.waits.charge(c.Ticket)
		}
	}
	return over, nil
}

// limitName tells the limit that was exceeded first from others. Where none is
// named, each charge is taken to have met one of its own.
func limitName(u Usage) string {
	if len(u.Limits) == 0 {
		return ""
	}
	l := u.Limits[0]
	return string(appendText(appendText(appendText(nil, l.Rule.Source), l.Key), l.Unit))
}
