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
// tokens, and with the escapes that String would have made.
func Compact(b, text []byte) []byte {
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\': // the next one is no closing quote
			b = append(b, c, text[i+1])
			i++
		case quoted && isHTML(c):
			b = appendEscape(b, string(c))
		case c == 0xE2 && text[i+1] == 0x80 && text[i+2]&^1 == 0xA8: // U+2028, U+2029
			b = append(b, '\\', 'u', '2', '0', '2', hexDigits[text[i+2]&0xF])
			i += 2
		case quoted || !isSpace(c):
			b = append(b, c)
		}
		if c == '"' {
			quoted = !quoted
		}
	}
	return b
}
