package worker

import (
	"context"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
	"github.com/tintypehq/tintype/internal/webhook"
)

// Webhooks is how events are delivered.
type Webhooks struct {
	// Send makes one try; it keeps to Timeout.
	Send func(context.Context, webhook.Message) webhook.Try

	// Body writes what is sent about an event. The job is as it was right after
	// the event, or nil if it is gone.
	Body func(origin string, d *redisstore.Delivery, j *job.Job, log []job.Event) ([]byte, error)

	// Secrets sign what goes to a job's own address: the newest first.
	Secrets []account.Secret

	// Origin is what all links begin with. Empty: as the caller reached the service.
	Origin string

	Schedule webhook.Schedule // zero: webhook.DefaultSchedule
	Timeout  time.Duration    // of one try; zero: 15 s
	Keep     time.Duration    // how long a delivery is shown after its end; zero: 7 days

	// PerReceiver and PerTenant bound the tries under way in this process, so that
	// a receiver that never answers keeps no other waiting. Zero: 4 and 8.
	PerReceiver int
	PerTenant   int

	// Busy is how long a delivery waits that these bounds keep back; it doubles.
	// Zero: 2 s.
	Busy time.Duration
}

func (h Webhooks) withDefaults() Webhooks {
	if h.Schedule == nil {
		h.Schedule = webhook.DefaultSchedule()
	}
	h.Timeout = orDefault(h.Timeout, 15*time.Second)
	h.Keep = orDefault(h.Keep, 7*24*time.Hour)
	h.PerReceiver = orDefault(h.PerReceiver, 4)
	h.PerTenant = orDefault(h.PerTenant, 8)
	h.Busy = orDefault(h.Busy, 2*time.Second)
	return h
}

const (
	deliverMost   = 8    // deliveries of one job under way at once
	webhookMost   = 1000 // deliveries that one sweep rings for
	deliverSettle = 10 * time.Second
)

// Deliver is the handler of [job.StageWebhook]: it makes a try of each of the
// job's deliveries that are due.
func (w *Worker) Deliver(ctx context.Context, id job.ID) error {
	token := w.token()
	// A worker that dies in mid try is waited for as long as the try may take twice.
	list, now, err := w.Store.ClaimDeliveries(ctx, id, token, 2*w.Webhooks.Timeout, deliverMost)
	if err != nil || len(list) == 0 {
		return err
	}
	read := time.Now()
	j, log, err := w.jobToTell(ctx, id)
	if err != nil {
		return err // the sweeper rings again once the claim has lapsed
	}
	if j != nil {
		ctx = telemetry.Resume(ctx, j.Spec.Trace)
	}
	var tries sync.WaitGroup
	for _, d := range list {
		tries.Go(func() {
			t := w.try(ctx, d, j, log, now.Add(time.Since(read)))
			w.settleDelivery(ctx, d, token, t)
		})
	}
	tries.Wait()
	return nil
}

// jobToTell reads a job with its log; nil if nobody knows it any more. From the
// archive it comes without a log.
func (w *Worker) jobToTell(ctx context.Context, id job.ID) (*job.Job, []job.Event, error) {
	j, err := w.Store.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		j, err = archive.Load(ctx, w.Blobs, id)
		if fault.Is(err, fault.NotFound) { // deleted: the event alone is told
			return nil, nil, nil
		}
		return j, nil, err
	}
	if err != nil {
		return nil, nil, err
	}
	log, err := w.Store.Events(ctx, id, 0)
	return j, log, err
}

// try makes one try, unless it cannot or must not be made.
func (w *Worker) try(ctx context.Context, d *redisstore.Delivery, j *job.Job, log []job.Event, now time.Time) redisstore.Tried {
	m, origin, refused, err := w.receiver(ctx, d)
	switch {
	case err != nil: // nothing is known, so nothing is given up
		w.Log.WarnContext(ctx, "a webhook endpoint cannot be read", "job_id", d.Job, "delivery", d.Name(), "err", err)
		return redisstore.Tried{Outcome: redisstore.TryBusy, Wait: w.Webhooks.Busy}
	case refused != "":
		return redisstore.Tried{Outcome: redisstore.TryFailed, Try: job.WebhookTry{At: now, Error: refused}}
	}
	leave, ok := w.doors.enter(d.Tenant, hostOf(m.URL), w.Webhooks.PerTenant, w.Webhooks.PerReceiver)
	if !ok {
		return redisstore.Tried{Outcome: redisstore.TryBusy, Wait: w.Webhooks.Busy}
	}
	defer leave()
	out := redisstore.Tried{}
	m.ID, m.At, m.Body = job.WebhookID(d.Job, d.Seq), now, d.Body
	if len(m.Body) == 0 {
		body, err := w.bodyOf(origin, d, j, log)
		if err != nil {
			out.Outcome, out.Try = redisstore.TryFailed, job.WebhookTry{At: now, Error: "The event could not be written down."}
			w.Log.ErrorContext(ctx, "a webhook's body cannot be written", "job_id", d.Job, "delivery", d.Name(), "err", err)
			return out
		}
		m.Body, out.Body = body, body
	}
	t := w.send(ctx, d, j, m)
	out.Try = t.WebhookTry
	wait, more := w.Webhooks.Schedule.Next(d.Tries+1, t.RetryAfter)
	switch {
	case t.Taken():
		out.Outcome = redisstore.TryDelivered
	case t.Gone:
		out.Outcome = redisstore.TryGone
	case more:
		out.Outcome, out.Wait = redisstore.TryRetry, wait
	default:
		out.Outcome = redisstore.TryFailed
	}
	return out
}

// send sends a delivery, and adds that to its job's trace.
func (w *Worker) send(ctx context.Context, d *redisstore.Delivery, j *job.Job, m webhook.Message) webhook.Try {
	if j == nil {
		return w.Webhooks.Send(ctx, m)
	}
	span := w.span(ctx, j, "webhook", trace.SpanKindClient, time.Time{})
	t := w.Webhooks.Send(ctx, m)
	trouble := ""
	if !t.Taken() {
		trouble = "not_taken"
	}
	endSpan(span, trouble, attribute.String("tintype.event", string(d.Type)), attribute.Int("http.response.status_code", t.Status))
	return t
}

// bodyOf writes what a delivery says, about the job as it was after its event.
func (w *Worker) bodyOf(origin string, d *redisstore.Delivery, j *job.Job, log []job.Event) ([]byte, error) {
	if j == nil {
		return w.Webhooks.Body(origin, d, nil, nil)
	}
	upTo := 0
	for upTo < len(log) && log[upTo].Seq <= d.Seq {
		upTo++
	}
	if upTo > 0 && d.Seq < j.Version {
		j = j.At(log[:upTo])
	}
	return w.Webhooks.Body(origin, d, j, log[:upTo])
}

// receiver is where a delivery goes and what signs it; refused says why it goes
// nowhere.
func (w *Worker) receiver(ctx context.Context, d *redisstore.Delivery) (m webhook.Message, origin, refused string, err error) {
	m, origin = webhook.Message{URL: d.URL, Secrets: w.Webhooks.Secrets}, d.Origin
	if d.To != redisstore.OwnAddress {
		e, err := w.Store.Endpoint(ctx, d.Tenant, d.To)
		switch {
		case fault.Is(err, fault.NotFound):
			return m, "", "The endpoint was deleted.", nil
		case err != nil:
			return m, "", "", err
		case !e.Enabled:
			return m, "", "The endpoint is disabled.", nil
		}
		m.URL, m.Secrets, origin = e.URL, e.Secrets, e.Origin
	}
	if w.Webhooks.Origin != "" {
		origin = w.Webhooks.Origin
	}
	return m, origin, "", nil
}

// settleDelivery writes down what came of a try. If that fails the claim lapses
// and the delivery is tried again: the receiver knows the event by its id.
func (w *Worker) settleDelivery(ctx context.Context, d *redisstore.Delivery, token string, t redisstore.Tried) {
	t.Keep = w.Webhooks.Keep
	ctx, cancel := context.WithTimeout(ctx, deliverSettle)
	defer cancel()
	if err := w.Store.Delivered(ctx, d, token, t); err != nil {
		w.Log.WarnContext(ctx, "a webhook's outcome could not be written, and it is tried again", "job_id", d.Job, "delivery", d.Name(), "err", err)
		return
	}
	w.metrics.webhooks.WithLabelValues(string(t.Outcome)).Inc()
	switch t.Outcome {
	case redisstore.TryFailed, redisstore.TryGone:
		w.Log.WarnContext(ctx, "a webhook is given up", "job_id", d.Job, "delivery", d.Name(), "event", d.Type, "status", t.Try.Status, "why", t.Try.Error)
	case redisstore.TryRetry:
		w.Log.InfoContext(ctx, "a webhook was not taken", "job_id", d.Job, "delivery", d.Name(), "event", d.Type, "status", t.Try.Status, "why", t.Try.Error, "next_in", t.Wait)
	case redisstore.TryDelivered, redisstore.TryBusy:
	}
}

// ringWebhooks rings for the deliveries that somebody must look at.
func (w *Worker) ringWebhooks(ctx context.Context) {
	u, err := w.Store.RingUndelivered(ctx, webhookMost)
	if err != nil {
		w.Log.WarnContext(ctx, "the webhooks that are due cannot be told", "err", err)
		return
	}
	w.metrics.undelivered.Set(float64(u.Pending))
	w.metrics.oldestUndelivered.Set(u.Oldest.Seconds())
	w.ring(ctx, u.Bells)
}

// hostOf is the receiver that an address belongs to.
func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}
