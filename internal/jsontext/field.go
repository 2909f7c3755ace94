package jsontext

import (
	"strconv"
	"time"
)

// Time appends a field with a time, in UTC, as encoding/json writes it. The
// year must be between 0 and 9999.
func Time(b []byte, key string, t time.Time) []byte {
	b = append(Key(b, key), '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// AnyTime is Time, but leaves out a zero.
func AnyTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return Time(b, key, t)
}

// Text appends a field with a text, which must be valid UTF-8. Keys are passed
// as they are written, quotes and colon included.
func Text(b []byte, key, s string) []byte {
	return String(Key(b, key), s)
}

// AnyText is Text, but leaves out a text that is empty.
func AnyText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return Text(b, key, s)
}

// Int appends a field with a number.
func Int(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(Key(b, key), n, 10)
}

// AnyInt is Int, but leaves out a zero.
func AnyInt(b []byte, key string, n int64) []byte {
	if n == 0 {
		return b
	}
	return Int(b, key, n)
}

// Key begins a field; the first one of an object has no comma before it.
func Key(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, key...)
}

// Element begins the i-th element of an array.
func Element(b []byte, i int) []byte {
	if i == 0 {
		return append(b, '[')
	}
	return append(b, ',')
}
