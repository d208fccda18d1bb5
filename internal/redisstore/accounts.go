package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
)

// SyncAccounts writes an upstream's pooled accounts as configured and takes
// the others out of its pool. What is known of an account (cooldowns) stays,
// unless its credential changed. Only a digest of the credential is kept.
func (s *Store) SyncAccounts(ctx context.Context, upstream string, accounts []account.Account) error {
	args := []any{poolOf(upstream)}
	for _, a := range accounts {
		digest := sha256.Sum256([]byte(a.ID + "\n" + a.Secret.Reveal()))
		args = append(args, a.ID, a.MaxInFlight, modelList(a.Models), hex.EncodeToString(digest[:16]))
	}
	return unavailable(s.run(ctx, s.lua.accounts, args...).Err())
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
