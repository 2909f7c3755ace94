package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// statuses are those of a ticket.
var statuses = []moderation.Status{
	moderation.StatusPending, moderation.StatusHeld, moderation.StatusExecuting, moderation.StatusExecuted,
	moderation.StatusUnknown, moderation.StatusRejected, moderation.StatusCancelled, moderation.StatusTimedOut,
	moderation.StatusRefused, moderation.StatusFailed, moderation.StatusUndone, moderation.StatusEnded,
}

// codes are those of a refusal.
var codes = []moderation.Code{
	moderation.CodeInvalid, moderation.CodeUnknownKind, moderation.CodeIrreversible, moderation.CodeKeyReused,
	moderation.CodeDigest, moderation.CodeNoTicket, moderation.CodeDenied, moderation.CodeNoRule,
	moderation.CodeUnknownActor, moderation.CodeInactive, moderation.CodePastLastDay, moderation.CodeLeaving,
	moderation.CodeUnknownTarget, moderation.CodeUnknownTier, moderation.CodeUnknownLabel, moderation.CodeTierMismatch,
	moderation.CodeSelf, moderation.CodeConflictOf, moderation.CodeOwnRequest, moderation.CodeAlreadyCounted,
	moderation.CodeNotEligible, moderation.CodeService, moderation.CodeNoRequirement,
	moderation.CodeNeedsOthers, moderation.CodeStale, moderation.CodeLimited, moderation.CodeNeverFits,
	moderation.CodeTooMuchAsked, moderation.CodeFrozen, moderation.CodeBusy, moderation.CodeStands, moderation.CodeAlreadyAsked,
	moderation.CodeNotUndoable, moderation.CodeTooLate, moderation.CodeTooEarly, moderation.CodeNotOpen,
	moderation.CodeCancelled, moderation.CodeZeroGuard, moderation.CodeClosed, moderation.CodeDirectory,
	moderation.CodePolicy, moderation.CodeLimiter, moderation.CodeStore, moderation.CodeTrail, moderation.CodeNoRoom,
	moderation.CodeCount, moderation.CodeMembers, moderation.CodeProtected, moderation.CodeApprovalsVoid, moderation.CodeHalted,
	moderation.CodeNoBypass, moderation.CodeUnratified, moderation.CodeTargetChanged,
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// outcomes that a verb can have.
func outcomes(v Verb) []string {
	if v == Explain {
		return []string{Allowed, Refused, Failure}
	}
	all := []string{Done, Refused, Failure}
	for _, s := range statuses {
		if s != moderation.StatusExecuted && s != moderation.StatusRefused {
			all = append(all, string(s))
		}
	}
	return all
}

var sourceForm = regexp.MustCompile(`^[^\s:]+:[0-9]+$`)

// parseExpectation reads what stands behind the arrow. It returns faults by
// the word that is at fault.
func parseExpectation(v Verb, words []word) (*Expectation, []wordProblem) {
	allowed := outcomes(v)
	if len(words) == 0 {
		return nil, []wordProblem{{text: "nothing stands behind ->; it wants one of " + strings.Join(allowed, ", ")}}
	}
	e := &Expectation{Outcome: words[0].shown()}
	var problems []wordProblem
	if !slices.Contains(allowed, e.Outcome) {
		problems = append(problems, wordProblem{words[0], unknown("outcome of "+string(v), e.Outcome, allowed)})
	}
	for _, w := range words[1:] {
		if text := e.read(w); text != "" {
			problems = append(problems, wordProblem{w, text})
		}
	}
	shown := make([]string, len(words))
	for i, w := range words {
		shown[i] = w.shown()
	}
	e.Text = strings.Join(shown, " ")
	return e, problems
}

// wordProblem is what is wrong with a word; the zero word means the line's end.
type wordProblem struct {
	word word
	text string
}

// read takes one word behind the outcome, or says what is wrong with it.
func (e *Expectation) read(w word) string {
	switch {
	case w.key == "retry":
		d, err := parseDuration(w.text)
		if err != nil {
			return err.Error()
		}
		e.Retry = &d
	case w.key == "count":
		n, err := strconv.Atoi(w.text)
		if err != nil || n < 0 {
			return fmt.Sprintf("%q is no number of tickets", w.text)
		}
		e.Count = &n
	case w.key != "":
		return unknown("field of an expectation", w.key, []string{"retry", "count"})
	case sourceForm.MatchString(w.text):
		e.Sources = append(e.Sources, w.text)
	case e.Outcome == Refused:
		if !slices.Contains(codes, moderation.Code(w.text)) || e.Code != "" {
			return unknown("code of a refusal", w.text, texts(codes)) + ", nor a row such as policy.csv:7"
		}
		e.Code = moderation.Code(w.text)
	case e.Outcome == Done:
		if !slices.Contains(statuses, moderation.Status(w.text)) || e.Status != "" {
			return unknown("status of a ticket", w.text, texts(statuses)) + ", nor a row such as policy.csv:7"
		}
		e.Status = moderation.Status(w.text)
	default:
		return fmt.Sprintf("%q can't stand behind %s; rows such as policy.csv:7 can", w.text, e.Outcome)
	}
	return ""
}
