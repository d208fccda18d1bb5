package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// adminFlags say which service is meant, and who asks.
type adminFlags struct {
	URL  string `help:"Where the API is. (default: TINTYPE_URL, or http://127.0.0.1:8080)"`
	Key  string `help:"A gateway key with the scope admin. Better in TINTYPE_ADMIN_KEY, where no list of processes shows it."`
	JSON bool   `help:"Print JSON in place of a table."`
}

var errNoAdminKey = command.Misuse(errors.New("no key: set TINTYPE_ADMIN_KEY to a gateway key with the scope admin (auth.keys[].scopes)"))

// client makes a client.
func (f adminFlags) client(c *console) (*tintype.Client, error) {
	key := cmp.Or(f.Key, c.variable("TINTYPE_ADMIN_KEY"))
	if key == "" {
		return nil, errNoAdminKey
	}
	return tintype.NewClient(cmp.Or(f.URL, c.variable("TINTYPE_URL"), "http://127.0.0.1:8080"), tintype.WithKey(key))
}

// show prints a value as JSON, or else as a table makes it.
func (f adminFlags) show(c *console, v any, table func(row func(cells ...any))) error {
	if f.JSON {
		b, err := json.MarshalIndent(v, "", "  ")
		c.Printf("%s\n", b)
		return err
	}
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	table(func(cells ...any) {
		texts := make([]string, len(cells))
		for i, cell := range cells {
			if texts[i] = fmt.Sprint(cell); texts[i] == "" {
				texts[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join(texts, "\t"), "\t "))
	})
	return w.Flush()
}

type accountsCommand struct {
	List    accountList   `cmd:"" default:"withargs" help:"How all accounts stand."`
	Show    accountShow   `cmd:"" help:"One account with its history."`
	Enable  accountChange `cmd:"" help:"Give an account jobs again."`
	Disable accountChange `cmd:"" help:"Give an account no new jobs."`
	Drain   accountChange `cmd:"" help:"The same; \"show\" tells when it is empty."`
	Clear   accountChange `cmd:"" help:"End an account's cooldowns, also those that wait for you."`
	Test    accountTest   `cmd:"" help:"Try an account's credential with a call that costs nothing."`
}

type accountList struct {
	adminFlags
}

// Run prints a table of all accounts.
func (k accountList) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	list, err := client.Admin.Accounts(ctx)
	if err != nil {
		return err
	}
	return k.show(c, list, func(row func(...any)) { accountTable(row, list...) })
}

func accountTable(row func(...any), list ...tintype.AdminAccount) {
	row("ACCOUNT", "UPSTREAM", "STATE", "CAUSE", "UNTIL", "RUNNING", "IMAGES LEFT", "VIDEOS LEFT", "NOTE")
	for _, a := range list {
		row(a.ID, a.Upstream, a.State, a.Cause, until(a.CoolsUntil, a.State == "parked"),
			fmt.Sprintf("%d of %d", a.InFlight, a.MaxInFlight), left(a.Kinds["image"]), left(a.Kinds["video"]), a.Note)
	}
}

// left is what is left of a daily quota.
func left(k tintype.AdminKind) string {
	if k.Left == nil {
		return ""
	}
	return fmt.Sprintf("%d of %d", *k.Left, *k.Daily)
}

// until is when a cooldown ends.
func until(t *time.Time, parked bool) string {
	switch {
	case parked:
		return "you act"
	case t == nil:
		return ""
	}
	return t.Local().Format("15:04:05")
}

type accountShow struct {
	adminFlags

	ID string `arg:"" help:"The account."`
}

// Run prints one account and its history.
func (k accountShow) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	a, err := client.Admin.Account(ctx, k.ID)
	if err != nil {
		return err
	}
	return k.showAccount(c, a)
}

func (f adminFlags) showAccount(c *console, a *tintype.AdminAccount) error {
	if err := f.show(c, a, func(row func(...any)) { accountTable(row, *a) }); err != nil || f.JSON {
		return err
	}
	if a.Evidence != "" {
		c.Printf("\nThe upstream said: %s\n", a.Evidence)
	}
	if len(a.History) == 0 {
		return nil
	}
	c.Printf("\n")
	return f.show(c, nil, func(row func(...any)) {
		row("WHEN", "WHAT", "CAUSE", "MODEL", "UNTIL", "EVIDENCE")
		for _, r := range a.History {
			row(r.At.Local().Format("01-02 15:04:05"), r.What, r.Cause, r.Model, until(r.Until, r.Parked), r.Evidence)
		}
	})
}

type accountChange struct {
	adminFlags

	ID string `arg:"" help:"The account."`

	change tintype.AccountChange
}

// Run changes an account and prints it.
func (k accountChange) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	a, err := client.Admin.ChangeAccount(ctx, k.ID, k.change)
	if err != nil {
		return err
	}
	return k.showAccount(c, a)
}

type accountTest struct {
	adminFlags

	ID string `arg:"" help:"The account."`
}

var errNotAccepted = errors.New("the upstream does not take the credential")

// Run tries an account's credential. A refusal is a failure.
func (k accountTest) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	t, err := client.Admin.TestAccount(ctx, k.ID)
	if err != nil {
		return err
	}
	err = k.show(c, t, func(row func(...any)) {
		row("ACCOUNT", "ACCEPTED", "CLASS", "TOOK", "EVIDENCE")
		row(k.ID, strconv.FormatBool(t.OK), t.Class, (time.Duration(t.Millis) * time.Millisecond).String(), t.Evidence)
	})
	if err == nil && !t.OK {
		err = errNotAccepted
	}
	return err
}

type jobsCommand struct {
	Watch    jobWatch    `cmd:"" help:"Follow one of your jobs to its end, wherever it was asked for."`
	Download jobDownload `cmd:"" help:"Save what a job has made."`
	Cancel   jobCancel   `cmd:"" help:"End a job, as far as that can be done."`
	List     jobList     `cmd:"" help:"Your jobs, the newest first."`

	Show   jobShow        `cmd:"" help:"Admin: a job's whole record and its log, whosever it is."`
	Lines  jobLines       `cmd:"" help:"Admin: who waits, and with how many jobs."`
	Queues jobQueues      `cmd:"" help:"Admin: how the stages' queues stand."`
	Pause  upstreamChange `cmd:"" help:"Admin: stop submitting to an upstream. Jobs that are there already go on."`
	Resume upstreamChange `cmd:"" help:"Admin: let an upstream have jobs again."`
}

type jobShow struct {
	adminFlags

	ID string `arg:"" help:"The job."`
}

// Run prints a job.
func (k jobShow) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	j, err := client.Admin.Job(ctx, k.ID)
	if err != nil {
		return err
	}
	err = k.show(c, j, func(row func(...any)) {
		row("JOB", "KIND", "MODEL", "STATUS", "TENANT", "ACCOUNT", "CREATED", "DEADLINE")
		row(j.Job.ID, j.Job.Kind, j.Job.Model, j.Job.Status, j.Tenant, plainText(j.Record["account"]),
			j.Job.CreatedAt.Local().Format(time.DateTime), j.Job.Deadline.Local().Format(time.DateTime))
	})
	if err != nil || k.JSON {
		return err
	}
	if e := j.Job.Error; e != nil {
		c.Printf("\n%s\n", e.Message)
	}
	c.Printf("\n")
	return k.show(c, nil, func(row func(...any)) {
		row("SEQ", "EVENT", "AT", "STATUS", "PHASE", "FAILURE")
		for _, e := range j.Events {
			row(e.Seq, e.Type, e.At.Local().Format("15:04:05.000"), e.Status, e.Phase, e.Failure)
		}
	})
}

// plainText is a JSON string's text.
func plainText(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // anything else is shown as nothing
	return s
}

type jobLines struct {
	adminFlags
}

// Run prints who waits.
func (k jobLines) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	lines, err := client.Admin.Lines(ctx)
	if err != nil {
		return err
	}
	return k.show(c, lines, func(row func(...any)) {
		row("TENANT", "WAITING", "OVER ITS LIMITS", "RUNNING")
		for _, l := range lines {
			row(l.Tenant, l.Waiting, l.Held, l.Running)
		}
	})
}

type jobQueues struct {
	adminFlags
}

// Run prints how the queues stand.
func (k jobQueues) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	queues, err := client.Admin.Queues(ctx)
	if err != nil {
		return err
	}
	return k.show(c, queues, func(row func(...any)) {
		row("STAGE", "PENDING", "ACTIVE", "RETRY", "SCHEDULED", "GIVEN UP", "OLDEST WAITS")
		for _, q := range queues {
			oldest := time.Duration(q.LatencySeconds * float64(time.Second)).Round(time.Millisecond)
			row(q.Stage, q.Pending, q.Active, q.Retry, q.Scheduled, q.Archived, oldest)
		}
	})
}

type upstreamChange struct {
	adminFlags

	Name string `arg:"" help:"The upstream."`

	pause bool
}

// Run pauses or resumes an upstream and prints it.
func (k upstreamChange) Run(ctx context.Context, c *console) error {
	client, err := k.client(c)
	if err != nil {
		return err
	}
	u, err := client.Admin.PauseUpstream(ctx, k.Name, k.pause)
	if err != nil {
		return err
	}
	return k.show(c, u, func(row func(...any)) {
		row("UPSTREAM", "STATE", "CAUSE", "UNTIL", "WAITING", "ACCOUNTS")
		row(u.Name, u.State, u.Cause, until(u.CoolsUntil, false), u.Waiting, u.Accounts)
	})
}
