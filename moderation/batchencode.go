package moderation

import (
	"encoding/base64"
	"strconv"

	"github.com/elevenminutes/interlock/internal/jsontext"
)

// appendBatch appends the fields of a ticket that tell of batches.
func (t *Ticket) appendBatch(b []byte) []byte {
	b = jsontext.AnyText(b, `"mandate":`, t.Mandate)
	if t.Batch == nil {
		return b
	}
	return t.Batch.appendJSON(jsontext.Key(b, `"batch":`))
}

// appendJSON appends the batch as encoding/json would, by its tags.
func (t *Batch) appendJSON(b []byte) []byte {
	b = appendDigest(append(b, '{'), `"root":`, t.Root)
	b = jsontext.Int(b, `"count":`, int64(t.Count))
	b = jsontext.AnyInt(b, `"reach":`, t.Reach)
	if len(t.Stages) > 0 {
		b = jsontext.Key(b, `"stages":`)
		for i := range t.Stages {
			b = jsontext.Int(append(jsontext.Element(b, i), '{'), `"members":`, int64(t.Stages[i].Members))
			b = append(jsontext.AnyInt(b, `"soak":`, int64(t.Stages[i].Soak)), '}')
		}
		b = append(b, ']')
	}
	if w := t.Tolerance; w != (Tolerance{}) {
		b = append(jsontext.Key(b, `"tolerance":`), '{')
		b = jsontext.AnyInt(b, `"failures":`, int64(w.Failures))
		b = jsontext.AnyInt(b, `"failurePercent":`, int64(w.FailurePercent))
		b = append(jsontext.AnyInt(b, `"undoPercent":`, int64(w.UndoPercent)), '}')
	}
	b = appendClasses(b, `"asked":`, t.Asked)
	b = appendClasses(b, `"begun":`, t.Begun)
	b = jsontext.AnyText(b, `"whose":`, base64.StdEncoding.EncodeToString(t.Whose))
	b = jsontext.AnyInt(b, `"stage":`, int64(t.Stage))
	b = jsontext.AnyTime(b, `"stageBegun":`, t.StageBegun)
	b = jsontext.AnyTime(b, `"halted":`, t.Halted)
	b = jsontext.AnyText(b, `"haltedBy":`, t.HaltedBy)
	b = jsontext.AnyText(b, `"haltCode":`, string(t.HaltCode))
	b = jsontext.AnyText(b, `"haltNote":`, t.HaltNote)
	b = appendTexts(b, `"excepted":`, t.Excepted)
	if w := t.Forgiven; w != (Wrongs{}) {
		b = append(jsontext.Key(b, `"forgiven":`), '{')
		b = jsontext.AnyInt(b, `"failures":`, int64(w.Failures))
		b = append(jsontext.AnyInt(b, `"undos":`, int64(w.Undos)), '}')
	}
	return append(b, '}')
}

func appendClasses(b []byte, key string, classes []BatchClass) []byte {
	if len(classes) == 0 {
		return b
	}
	b = jsontext.Key(b, key)
	for i := range classes {
		c := &classes[i]
		b = jsontext.Text(append(jsontext.Element(b, i), '{'), `"tier":`, c.Tier)
		b = jsontext.Text(b, `"domain":`, c.Domain)
		b = strconv.AppendInt(jsontext.Key(b, `"count":`), int64(c.Count), 10)
		b = append(jsontext.AnyInt(b, `"reach":`, c.Reach), '}')
	}
	return append(b, ']')
}
