// Package jsontext writes JSON (RFC 8259) without reflection and without
// allocating, byte for byte as encoding/json would: records and the state of
// tickets are written on the way of every action. What is read is read with
// encoding/json; fuzz tests hold one against the other.
package jsontext
