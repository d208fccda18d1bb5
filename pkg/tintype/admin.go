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
	return fetchList[AdminAccount](ctx, s.client, "/admin/v1/accounts")
}

// Account gives one pooled account with its history.
func (s *AdminService) Account(ctx context.Context, id string) (*AdminAccount, error) {
	return fetch[AdminAccount](ctx, s.client, http.MethodGet, "/admin/v1/accounts/"+url.PathEscape(id), nil)
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
	return fetch[AdminAccount](ctx, s.client, http.MethodPost, "/admin/v1/accounts/"+url.PathEscape(id)+"/"+string(change), nil)
}

// TestAccount tries an account's credential with a call that costs nothing.
func (s *AdminService) TestAccount(ctx context.Context, id string) (*AdminTest, error) {
	return fetch[AdminTest](ctx, s.client, http.MethodPost, "/admin/v1/accounts/"+url.PathEscape(id)+"/test", nil)
}

// Upstreams lists the upstreams.
func (s *AdminService) Upstreams(ctx context.Context) ([]AdminUpstream, error) {
	return fetchList[AdminUpstream](ctx, s.client, "/admin/v1/upstreams")
}

// PauseUpstream stops submitting to an upstream, or lets it go on. Jobs that are
// there already are not touched.
func (s *AdminService) PauseUpstream(ctx context.Context, name string, pause bool) (*AdminUpstream, error) {
	word := "resume"
	if pause {
		word = "pause"
	}
	return fetch[AdminUpstream](ctx, s.client, http.MethodPost, "/admin/v1/upstreams/"+url.PathEscape(name)+"/"+word, nil)
}

// Lines lists the tenants of whom jobs wait, those with the most first.
func (s *AdminService) Lines(ctx context.Context) ([]AdminLine, error) {
	return fetchList[AdminLine](ctx, s.client, "/admin/v1/lines")
}

// Queues tells how the stages' queues stand.
func (s *AdminService) Queues(ctx context.Context) ([]AdminQueue, error) {
	return fetchList[AdminQueue](ctx, s.client, "/admin/v1/queues")
}

// Job gives anybody's job with its record and its log.
func (s *AdminService) Job(ctx context.Context, id string) (*AdminJob, error) {
	return fetch[AdminJob](ctx, s.client, http.MethodGet, "/admin/v1/jobs/"+url.PathEscape(id), nil)
}
