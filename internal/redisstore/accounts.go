package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
)

// SyncAccounts writes an upstream's pooled accounts as configured and takes
// the others out of its pool. What is known of an account (cooldowns) stays,
// unless its credential changed. Only a digest of the credential is kept. Jobs
// that a change lets in are admitted by the next sweep.
func (s *Store) SyncAccounts(ctx context.Context, upstream string, accounts []account.Account) error {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return unavailable(err)
	}
	args := []any{poolOf(upstream)}
	for _, a := range accounts {
		text, err := encode(configured(a, now))
		if err != nil {
			return err
		}
		args = append(args, text)
	}
	return unavailable(s.run(ctx, s.lua.accounts, args...).Err())
}

// accountConfig is what lua/accounts.lua reads of an account.
type accountConfig struct {
	ID     string            `json:"id"`
	Digest string            `json:"digest"`
	Fields map[string]string `json:"fields"`
}

func configured(a account.Account, now time.Time) accountConfig {
	digest := sha256.Sum256([]byte(a.ID + "\n" + a.Secret.Reveal()))
	fields := map[string]string{
		"enabled": strconv.Itoa(flag(!a.Disabled)), "models": modelList(a.Models), "max": strconv.Itoa(a.MaxInFlight),
		"weight": strconv.Itoa(max(a.Weight, 1)), "rate": strconv.Itoa(a.PerMinute),
		"note": a.Note, "gap": strconv.FormatInt(a.Gap.Milliseconds(), 10), "reset": strconv.FormatInt(a.Reset.Next(now).UnixMilli(), 10),
	}
	for _, kind := range []job.Kind{job.Image, job.Video} {
		limits := a.Kinds[string(kind)]
		fields["max:"+string(kind)], fields["quota:"+string(kind)] = strconv.Itoa(limits.MaxInFlight), strconv.Itoa(limits.Daily)
	}
	return accountConfig{ID: a.ID, Digest: hex.EncodeToString(digest[:16]), Fields: fields}
}

// modelList writes model ids so that a script finds one by substring.
func modelList(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return "\n" + strings.Join(ids, "\n") + "\n"
}

// KnowsAccounts tells whether the accounts of an upstream are written. They
// are not after Redis has lost its data.
func (s *Store) KnowsAccounts(ctx context.Context, upstream string) (bool, error) {
	n, err := s.rdb.Exists(ctx, s.key("pool:", poolOf(upstream))).Result()
	return n == 1, unavailable(err)
}
