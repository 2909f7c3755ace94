package limit

import (
	_ "github.com/casbin/casbin/v2/model"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/hashicorp/go-multierror"
	_ "golang.org/x/time/rate"
	_ "github.com/elevenminutes/interlock/policy"
)
