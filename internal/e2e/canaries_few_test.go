//go:build !chaos

package e2e_test

// canaries is how many jobs TestCanaries makes: each of its wishes some times.
const canaries = 200
