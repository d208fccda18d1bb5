package tintype

import (
	"context"
	"net/http"
	"net/url"
)

// Accounts lists the pooled accounts. This and the methods below need a key with
// the scope "admin"; on a server where no key has it they fail with
// [CodeNotFound].
func (c *Client) Accounts(ctx context.Context) ([]AdminAccount, error) {
	return adminList[AdminAccount](ctx, c, "/admin/v1/accounts")
}

// Account gives one pooled account with its history.
func (c *Client) Account(ctx context.Context, id string) (*AdminAccount, error) {
	return adminCall[AdminAccount](ctx, c, http.MethodGet, "/admin/v1/accounts/"+url.PathEscape(id))
}

// AccountChange is an operator's word on an account.
type AccountChange string

// The changes. Each counts at once and may be repeated.
const (
	AccountEnable  AccountChange = "enable"  // it gets jobs
	AccountDisable AccountChange = "disable" // it gets no new ones
	AccountDrain   AccountChange = "drain"   // the same, with the wish to see it empty
	AccountClear   AccountChange = "clear"   // its cooldowns end
)

// ChangeAccount changes an account and gives it as it is then.
func (c *Client) ChangeAccount(ctx context.Context, id string, change AccountChange) (*AdminAccount, error) {
	return adminCall[AdminAccount](ctx, c, http.MethodPost, "/admin/v1/accounts/"+url.PathEscape(id)+"/"+string(change))
}

// TestAccount tries an account's credential with a call that costs nothing.
func (c *Client) TestAccount(ctx context.Context, id string) (*AdminTest, error) {
	return adminCall[AdminTest](ctx, c, http.MethodPost, "/admin/v1/accounts/"+url.PathEscape(id)+"/test")
}

// Upstreams lists the upstreams.
func (c *Client) Upstreams(ctx context.Context) ([]AdminUpstream, error) {
	return adminList[AdminUpstream](ctx, c, "/admin/v1/upstreams")
}

// PauseUpstream stops submitting to an upstream, or lets it go on. Jobs that are
// there already are not touched.
func (c *Client) PauseUpstream(ctx context.Context, name string, pause bool) (*AdminUpstream, error) {
	word := "resume"
	if pause {
		word = "pause"
	}
	return adminCall[AdminUpstream](ctx, c, http.MethodPost, "/admin/v1/upstreams/"+url.PathEscape(name)+"/"+word)
}

// Lines lists the tenants of whom jobs wait, those with the most first.
func (c *Client) Lines(ctx context.Context) ([]AdminLine, error) {
	return adminList[AdminLine](ctx, c, "/admin/v1/lines")
}

// Queues tells how the stages' queues stand.
func (c *Client) Queues(ctx context.Context) ([]AdminQueue, error) {
	return adminList[AdminQueue](ctx, c, "/admin/v1/queues")
}

// WholeJob gives anybody's job with its record and its log.
func (c *Client) WholeJob(ctx context.Context, id string) (*AdminJob, error) {
	return adminCall[AdminJob](ctx, c, http.MethodGet, "/admin/v1/jobs/"+url.PathEscape(id))
}

func adminList[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	list, err := adminCall[struct {
		Data []T `json:"data"`
	}](ctx, c, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	return list.Data, nil
}

func adminCall[T any](ctx context.Context, c *Client, method, path string) (*T, error) {
	req, err := c.request(ctx, method, path, typeJSON, nil)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := c.exchange(req, out); err != nil {
		return nil, err
	}
	return out, nil
}
