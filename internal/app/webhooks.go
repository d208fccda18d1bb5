package app

import (
	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/internal/worker"
)

// newSender makes what sends webhooks; it is to be closed.
func newSender(c *config.Config) *webhook.Sender {
	return webhook.New(webhook.Config{AllowPrivate: c.Webhooks.AllowPrivate, Timeout: c.Webhooks.Timeout})
}

// serverWebhooks is the API's half: it takes addresses and tests endpoints.
func (p *parts) serverWebhooks() server.Webhooks {
	w := p.Config.Webhooks
	return server.Webhooks{Sender: p.sender, Signed: !w.Secret.IsZero(), Rotation: w.Rotation, Endpoints: w.Endpoints}
}

// workerWebhooks is the worker's half: it delivers.
func (p *parts) workerWebhooks() worker.Webhooks {
	c := p.Config
	out := worker.Webhooks{
		Send: p.sender.Send, Body: server.WebhookBody, Origin: c.Server.PublicURL, Schedule: c.Webhooks.Schedule,
		Timeout: c.Webhooks.Timeout, Keep: c.Webhooks.History,
		PerReceiver: max(1, c.Worker.WebhookConcurrency/8), PerTenant: max(1, c.Worker.WebhookConcurrency/4),
	}
	if !c.Webhooks.Secret.IsZero() {
		out.Secrets = append([]account.Secret{c.Webhooks.Secret}, c.Webhooks.OldSecrets...)
	}
	return out
}
