package postgres

import "github.com/elevenminutes/interlock/moderation"

// columns are the arguments of the function that commits: one array for each
// column, since no other form is as quick for the server to read.
type columns struct {
	recordID, recordPolicy []string
	recordSum, recordBody  [][]byte

	ticketChange                                                               []int32
	ticketID, ticketStatus, ticketActor, ticketKey, ticketPerson, ticketTarget []string
	ticketKind, ticketRequested, ticketMandate, ticketUndoes, ticketExecuted   []string
	ticketTier, ticketTierSeen                                                 []string
	ticketRevision, ticketFence                                                []int64
	ticketDue, ticketOver                                                      []*string
	ticketOwes, ticketBusy, ticketStands                                       []bool
	ticketSubject, ticketState                                                 [][]byte

	personChange                            []int32
	personName, personRequested, personTick []string

	headChange []int32
	headTarget []string
	headFence  []int64

	sameChange   []int32
	sameTicket   []string
	sameRevision []int64
}

// columnsOf lays changes out.
func columnsOf(batch []*request) *columns {
	c := new(columns)
	for i, r := range batch {
		c.add(int32(i+1), r.change)
	}
	return c
}

func (c *columns) add(n int32, e *encoded) {
	c.recordID, c.recordPolicy = append(c.recordID, e.id), append(c.recordPolicy, e.policy)
	c.recordSum, c.recordBody = append(c.recordSum, e.sum[:]), append(c.recordBody, e.body)
	for i := range e.tickets {
		c.addTicket(n, &e.tickets[i])
	}
	for _, is := range e.heads {
		c.headChange, c.headTarget, c.headFence = append(c.headChange, n), append(c.headTarget, is.Target), append(c.headFence, int64(is.Fence))
	}
	for _, is := range e.same {
		c.sameChange, c.sameTicket, c.sameRevision = append(c.sameChange, n), append(c.sameTicket, is.Ticket), append(c.sameRevision, int64(is.Revision))
	}
}

func (c *columns) addTicket(n int32, e *encodedTicket) {
	t := e.Ticket
	requested := moment(t.Requested)
	c.ticketChange = append(c.ticketChange, n)
	c.ticketID = append(c.ticketID, t.ID)
	c.ticketRevision = append(c.ticketRevision, int64(t.Revision))
	c.ticketStatus = append(c.ticketStatus, string(t.Status))
	c.ticketActor = append(c.ticketActor, t.Action.Actor)
	c.ticketKey = append(c.ticketKey, t.Action.Key)
	c.ticketPerson = append(c.ticketPerson, t.Requester.Person)
	c.ticketTarget = append(c.ticketTarget, t.Subject.ID)
	c.ticketKind = append(c.ticketKind, t.Action.Kind)
	c.ticketRequested = append(c.ticketRequested, requested)
	c.ticketDue = append(c.ticketDue, anyMoment(t.Due))
	c.ticketMandate = append(c.ticketMandate, t.Mandate)
	c.ticketOwes = append(c.ticketOwes, t.Owes())
	c.ticketBusy = append(c.ticketBusy, takesTarget(t))
	c.ticketStands = append(c.ticketStands, imposes(t))
	c.ticketUndoes = append(c.ticketUndoes, t.Undoes)
	c.ticketExecuted = append(c.ticketExecuted, moment(t.Executed))
	c.ticketFence = append(c.ticketFence, int64(t.Fence))
	c.ticketOver = append(c.ticketOver, calledOffAt(t))
	c.ticketTier = append(c.ticketTier, t.Subject.Tier)
	c.ticketTierSeen = append(c.ticketTierSeen, moment(t.Subject.TierSeen))
	c.ticketSubject = append(c.ticketSubject, e.subject)
	c.ticketState = append(c.ticketState, e.state)
	for _, person := range e.persons {
		c.personChange, c.personName = append(c.personChange, n), append(c.personName, person)
		c.personRequested, c.personTick = append(c.personRequested, requested), append(c.personTick, t.ID)
	}
}

// calledOffAt is nil for a ticket that was not called off.
func calledOffAt(t *moderation.Ticket) *string {
	if !calledOff(t) {
		return nil
	}
	over := moment(t.Over)
	return &over
}

// arguments are in the order of the function's parameters.
func (c *columns) arguments() []any {
	return []any{
		c.recordID, c.recordSum, c.recordBody, c.recordPolicy,
		c.ticketChange, c.ticketID, c.ticketRevision, c.ticketStatus, c.ticketActor, c.ticketKey, c.ticketPerson, c.ticketTarget, c.ticketKind,
		c.ticketRequested, c.ticketDue, c.ticketMandate, c.ticketOwes, c.ticketBusy, c.ticketStands, c.ticketUndoes,
		c.ticketExecuted, c.ticketFence, c.ticketOver, c.ticketTier, c.ticketTierSeen, c.ticketSubject, c.ticketState,
		c.personChange, c.personName, c.personRequested, c.personTick,
		c.headChange, c.headTarget, c.headFence,
		c.sameChange, c.sameTicket, c.sameRevision,
	}
}
