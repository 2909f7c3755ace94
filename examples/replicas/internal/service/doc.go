// Package service is a small host: accounts in a table of its own, an HTTP
// interface for moderators, and a guard between the two. Any number of replicas
// of it work over one database.
package service
