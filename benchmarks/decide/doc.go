// Package decide measures the decisions of interlock's policy beside those of
// OPA (github.com/open-policy-agent/opa) and cedar-go
// (github.com/cedar-policy/cedar-go) from a policy of the same meaning, in the
// same run. ../README.md says how to run it and how to read it.
package decide
