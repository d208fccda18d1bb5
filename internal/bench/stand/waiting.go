package stand

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// waitingRoom is the least that waiting can be: each caller waits on a channel of
// its own in the memory of this process.
type waitingRoom struct {
	mu      sync.Mutex
	waiting []chan time.Time // in the order of their coming
	calls   sync.WaitGroup   // that send
}

// A word is a line of a stream with its time between these, and the empty line behind it.
const (
	wordHead = `data: {"content":"`
	wordTail = `"}` + "\n\n"
)

// runWaiting serves two routes. GET /wait?events=N&bytes=S answers when N words have
// come, a line of S bytes for each (or of as few as it needs), which [SentAt] reads. GET /tell?from=A&count=B&pace=C sends one
// word to each of B callers that wait, from the A-th on, C a second, and answers 200
// with their number in all; it answers when it has begun.
func runWaiting(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	addr := flags.String("addr", "", "host:port to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	room := new(waitingRoom)
	defer room.calls.Wait()
	defer cancel()
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/wait", room.wait)
	e.GET("/tell", func(c echo.Context) error { return room.tell(ctx, c) })
	return serve(ctx, *addr, stdout, e)
}

func (w *waitingRoom) wait(c echo.Context) error {
	n, err := numbers(c, "events", "bytes")
	if err != nil {
		return err
	}
	events, padding := n[0], strings.Repeat(" ", max(0, n[1]-len(wordHead)-stampDigits-len(wordTail)))
	word := make(chan time.Time, events) // so that nobody who tells is held up
	w.mu.Lock()
	w.waiting = append(w.waiting, word)
	w.mu.Unlock()
	for range events {
		select {
		case at := <-word:
			if _, err := fmt.Fprintf(c.Response(), wordHead+"%0*d%s"+wordTail, stampDigits, at.UnixNano(), padding); err != nil {
				return err
			}
			c.Response().Flush()
		case <-c.Request().Context().Done():
			return nil
		}
	}
	return nil
}

func (w *waitingRoom) tell(ctx context.Context, c echo.Context) error {
	n, err := numbers(c, "from", "count", "pace")
	if err != nil {
		return err
	}
	w.mu.Lock()
	all := w.waiting
	w.mu.Unlock()
	from := min(n[0], len(all))
	told := all[from:min(from+n[1], len(all))]
	w.calls.Go(func() {
		began := time.Now()
		for i, word := range told {
			select {
			case <-time.After(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(max(n[2], 1))))):
				word <- time.Now()
			case <-ctx.Done():
				return
			}
		}
	})
	return c.String(http.StatusOK, strconv.Itoa(len(all)))
}

// numbers reads parameters that must be there.
func numbers(c echo.Context, names ...string) ([]int, error) {
	out := make([]int, len(names))
	for i, name := range names {
		var err error
		if out[i], err = strconv.Atoi(c.QueryParam(name)); err != nil {
			return nil, echo.NewHTTPError(http.StatusBadRequest, err)
		}
	}
	return out, nil
}
