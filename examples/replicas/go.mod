module github.com/elevenminutes/interlock/examples/replicas

go 1.26.0

replace (
	github.com/elevenminutes/interlock => ../..
	github.com/elevenminutes/interlock/adapters/postgres => ../../adapters/postgres
)

require (
	github.com/elevenminutes/interlock v0.0.0-00010101000000-000000000000
	github.com/elevenminutes/interlock/adapters/postgres v0.0.0-00010101000000-000000000000
)
