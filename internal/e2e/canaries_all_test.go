//go:build chaos

package e2e_test

// canaries is how many jobs TestCanaries makes.
const canaries = 1000
