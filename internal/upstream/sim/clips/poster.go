//go:build ignore

// Poster draws the picture that a clip pans over: poster FILE WIDTH HEIGHT PROMPT.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
)

func main() {
	if err := draw(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func draw(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: poster FILE WIDTH HEIGHT PROMPT")
	}
	w, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	h, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	png, err := paint.PNG(paint.Spec{Prompt: args[3], Width: w, Height: h})
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], png, 0o600)
}
