// Package aftercare marks the calls of which somebody finds out the outcome, if it is unknown: package once. The client's
// record of it is then no reason to wake a person.
package aftercare

import "context"

type key struct{}

// Context marks the calls that are made with it.
func Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// Of reports whether a call is marked.
func Of(ctx context.Context) bool { return ctx.Value(key{}) != nil }
