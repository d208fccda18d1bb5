//go:build !chaos

package e2e_test

const underChaos = false
