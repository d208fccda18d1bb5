package tintype

import (
	"context"
	"net/http"
	"net/url"
)

// AdminService operates the server. It needs a key with the scope "admin"; on a
// server where no key has it, it fails with [CodeNotFound].
type AdminService struct{ client *Client }

// Accounts lists the pooled accounts.
func (s *AdminService) Accounts(ctx context.Context) ([]AdminAccount, error) {
	return adminList[AdminAccount](ctx, s.client, "/admin/v1/accounts")
}

// Account gives one pooled account with its history.
func (s *AdminService) Account(ctx context.Context, id string) (*AdminAccount, error) {
	return adminCall[AdminAccount](ctx, s.client, http.MethodGet, "/admin/v1/accounts/"+url.PathEscape(id))
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
func (s *AdminService) ChangeAccount(ctx context.Context, id string, change AccountChange) (*AdminAccount, error) {
	return adminCall[AdminAccount](ctx, s.client, http.MethodPost, "/admin/v1/accounts/"+url.PathEscape(id)+"/"+string(change))
}

// TestAccount tries an account's credential with a call that costs nothing.
func (s *AdminService) TestAccount(ctx context.Context, id string) (*AdminTest, error) {
	return adminCall[AdminTest](ctx, s.client, http.MethodPost, "/admin/v1/accounts/"+url.PathEscape(id)+"/test")
}

// Upstreams lists the upstreams.
func (s *AdminService) Upstreams(ctx context.Context) ([]AdminUpstream, error) {
	return adminList[AdminUpstream](ctx, s.client, "/admin/v1/upstreams")
}

// PauseUpstream stops submitting to an upstream, or lets it go on. Jobs that are
// there already are not touched.
func (s *AdminService) PauseUpstream(ctx context.Context, name string, pause bool) (*AdminUpstream, error) {
	word := "resume"
	if pause {
		word = "pause"
	}
	return adminCall[AdminUpstream](ctx, s.client, http.MethodPost, "/admin/v1/upstreams/"+url.PathEscape(name)+"/"+word)
}

// Lines lists the tenants of whom jobs wait, those with the most first.
func (s *AdminService) Lines(ctx context.Context) ([]AdminLine, error) {
	return adminList[AdminLine](ctx, s.client, "/admin/v1/lines")
}

// Queues tells how the stages' queues stand.
func (s *AdminService) Queues(ctx context.Context) ([]AdminQueue, error) {
	return adminList[AdminQueue](ctx, s.client, "/admin/v1/queues")
}

// Job gives anybody's job with its record and its log.
func (s *AdminService) Job(ctx context.Context, id string) (*AdminJob, error) {
	return adminCall[AdminJob](ctx, s.client, http.MethodGet, "/admin/v1/jobs/"+url.PathEscape(id))
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
	out := new(T)
	if err := c.call(ctx, method, path, out); err != nil {
		return nil, err
	}
	return out, nil
}
