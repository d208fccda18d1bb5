package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	own := fault.New(fault.InvalidImage, "no").WithParam("image").WithRetryAfter(time.Second)
	tests := []struct {
		err  error
		want fault.Code
	}{
		{fmt.Errorf("x: %w", own), fault.InvalidImage},
		{fmt.Errorf("x: %w", context.Canceled), fault.Canceled},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), fault.WaitTimeout},
		{errors.New("dial 10.0.0.7: secret"), fault.Internal},
	}
	for _, tt := range tests {
		f := fault.From(tt.err)
		if f.Code != tt.want || strings.Contains(f.Message, "10.0.0.7") {
			t.Errorf("From(%v) = %+v", tt.err, f)
		}
		if !fault.Is(f, tt.want) || fault.Is(tt.err, fault.TooLarge) {
			t.Errorf("Is(%v) is wrong", tt.err)
		}
	}
	if fault.From(nil) != nil {
		t.Error("From(nil) is not nil")
	}
	if f := fault.From(fmt.Errorf("x: %w", own)); f.Param != "image" || f.RetryAfter != time.Second {
		t.Errorf("From lost fields: %+v", f)
	}
}
