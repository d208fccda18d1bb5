package s3blob

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Expiry is a rule by which the store removes what is in a folder.
type Expiry struct {
	Folder Folder
	Dir    string // the folder's, with the store's prefix
	Rule   string // its id in the store
	Days   int    // when it removes an object
	Ours   bool   // Init has made it, and makes it anew
}

// TooSoon gives the rules by which the store removes what is in a folder earlier
// than the folder is kept, whoever made them. A store that knows no rules has none.
// Its error is for the operator and names the setting.
func (s *Store) TooSoon(ctx context.Context, folders []Folder) ([]Expiry, error) {
	s = s.impatient
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &s.cfg.Bucket})
	switch {
	case code(err) == "NoSuchLifecycleConfiguration", isUnsupported(err):
		return nil, nil
	case err != nil:
		return nil, s.forbidden(err, "s3:GetLifecycleConfiguration")
	}
	var soon []Expiry
	for _, f := range folders {
		dir := s.cfg.Prefix + f.Dir
		for _, r := range out.Rules {
			if days := daysOf(r, dir); days > 0 && days < f.Days() {
				soon = append(soon, Expiry{Folder: f, Dir: dir, Rule: text(r.ID), Days: days, Ours: text(r.ID) == s.cfg.ruleID(f)})
			}
		}
	}
	return soon, nil
}

// daysOf is after how many days a rule removes all objects of a folder, or those of
// some size; 0 if it does not. Rules for objects with tags are none for ours.
func daysOf(r types.LifecycleRule, dir string) int {
	if r.Status != types.ExpirationStatusEnabled || r.Expiration == nil {
		return 0
	}
	prefix := text(r.Prefix) //nolint:staticcheck // rules of long ago have it
	if f := r.Filter; f != nil {
		if f.Tag != nil || f.And != nil && len(f.And.Tags) > 0 {
			return 0
		}
		if prefix = text(f.Prefix); f.And != nil {
			prefix = text(f.And.Prefix)
		}
	}
	if !strings.HasPrefix(dir, prefix) {
		return 0
	}
	return int(aws.ToInt32(r.Expiration.Days))
}
