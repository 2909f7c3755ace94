package policy

import _ "embed" // the model's text

//go:embed model.conf
var modelText string

// Model returns the text of the Casbin model that policies are written in, for
// use with Casbin's own tools. Its comments say what Casbin can't tell about a
// policy and this package can.
func Model() string { return modelText }
