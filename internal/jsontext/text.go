package jsontext

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// String appends s, which is valid UTF-8, as a JSON string, escaped as
// encoding/json does.
func String(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain(c) {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, s[i:i+size])
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// plain reports whether c stands for itself in every JSON string.
func plain(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && !isHTML(c)
}

// isHTML reports whether c is escaped so that the text may stand in a web page.
func isHTML(c byte) bool { return c == '<' || c == '>' || c == '&' }

// appendEscape escapes one character that must not stand for itself.
func appendEscape(b []byte, s string) []byte {
	if len(s) > 1 { // U+2028 and U+2029 end in A8 and A9
		return append(b, '\\', 'u', '2', '0', '2', hexDigits[s[len(s)-1]&0xF])
	}
	switch c := s[0]; c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
	}
}

// Compact appends a valid JSON text without the white space between its
// tokens, and with the escapes that String would have made. What need not
// change, which is nearly all, is copied in runs.
func Compact(b, text []byte) []byte {
	start := 0 // of the run that is not copied yet
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if compactAsIs[c] {
			continue
		}
		skip := 1 // how many bytes are replaced
		switch {
		case c == '"':
			quoted = !quoted
			continue
		case c == '\\': // only in a string; what follows is no closing quote
			i++
			continue
		case isHTML(c): // only in a string
		case c == 0xE2:
			if text[i+1] != 0x80 || text[i+2]&^1 != 0xA8 { // not U+2028, U+2029
				continue
			}
			skip = 3
		case quoted: // a blank
			continue
		}
		b = append(b, text[start:i]...)
		if !isSpace(c) {
			b = appendEscape(b, string(text[i:i+skip]))
		}
		i += skip - 1
		start = i + 1
	}
	return append(b, text[start:]...)
}

// compactAsIs marks the bytes that Compact copies wherever they stand.
var compactAsIs = func() (as [256]bool) {
	for c := range as {
		switch c := byte(c); {
		case c == '"', c == '\\', c == 0xE2, isHTML(c), isSpace(c):
		default:
			as[c] = true
		}
	}
	return as
}()
