package stand

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
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

// runWaiting serves two routes. GET /wait?events=N answers when N words have come,
// a line for each, which [SentAt] reads. GET /tell?from=A&count=B&pace=C sends one
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
	events, err := strconv.Atoi(c.QueryParam("events"))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, err)
	}
	word := make(chan time.Time, events) // so that nobody who tells is held up
	w.mu.Lock()
	w.waiting = append(w.waiting, word)
	w.mu.Unlock()
	for range events {
		select {
		case at := <-word:
			if _, err := fmt.Fprintf(c.Response(), "data: {\"content\":\"%0*d\"}\n\n", stampDigits, at.UnixNano()); err != nil {
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
	var n [3]int
	for i, name := range []string{"from", "count", "pace"} {
		var err error
		if n[i], err = strconv.Atoi(c.QueryParam(name)); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err)
		}
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
