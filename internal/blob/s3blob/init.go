package s3blob

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/cenkalti/backoff/v5"

	"github.com/tintypehq/tintype/internal/blob"
)

// Wishes are how a bucket is to be set up.
type Wishes struct {
	// Folders are those of which the store expires what is old, and uploads that do
	// not come to their end.
	Folders []Folder

	// Pages: browsers may read what a link leads to from the pages of any origin.
	Pages bool
}

// Folder is what is kept for a time.
type Folder struct {
	Rule string        // the id of its rule in the store, where the bucket has no prefix of ours
	Dir  string        // "jobs/"
	Keep time.Duration // the store expires objects that are older, in whole days, rounded up
}

// Days is when the store expires an object of the folder.
func (f Folder) Days() int { return int(math.Ceil(f.Keep.Hours() / 24)) }

// Done is what became of one part of a setup.
type Done string

// What may become of it.
const (
	DoneNow     Done = "done"        // it was missing
	DoneBefore  Done = "was there"   // as it should be
	DonePart    Done = "done partly" // the store has not all of it
	Unsupported Done = "unsupported" // the store has no such thing
	NotAsked    Done = "not needed"
)

// Setup is what became of a setup.
type Setup struct {
	Bucket, Expiry, Pages Done
}

// pagesRule is the id of ours, as Folder.Rule is: rules of other ids are the
// operator's own.
const pagesRule = "tintype-links"

// abandoned is when an upload that does not go on is given up, in days. The
// workers clear such uploads away much earlier.
const abandoned = 1

// keptFor is how long a store may take to show lifecycle rules that it took.
const keptFor = 5 * time.Second

// Init makes the bucket if it is missing, checks it, has what is old expire and lets browsers
// read, as far as the store can. What it finds as it should be it leaves alone, and
// so it does rules of others. Its error is for the operator and names the setting.
func (s *Store) Init(ctx context.Context, w Wishes) (Setup, error) {
	for _, f := range w.Folders {
		if err := blob.CheckDir(f.Dir); err != nil {
			return Setup{}, err
		}
	}
	check := s.Check
	s = s.impatient
	done := Setup{Pages: NotAsked}
	var err error
	if done.Bucket, err = s.makeBucket(ctx); err != nil {
		return done, err
	}
	if err := check(ctx); err != nil && !errors.Is(err, blob.ErrUnproven) {
		return done, err
	}
	if done.Expiry, err = s.setExpiry(ctx, w.Folders); err != nil {
		return done, err
	}
	if w.Pages {
		done.Pages, err = s.setPages(ctx)
	}
	return done, err
}

func (s *Store) makeBucket(ctx context.Context) (Done, error) {
	// Not by HEAD, whose answers do not say what is wrong.
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, MaxKeys: aws.Int32(1)})
	switch {
	case err == nil:
		return DoneBefore, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case code(err) != "NoSuchBucket":
		return "", s.cfg.advise(err)
	}
	in := &s3.CreateBucketInput{Bucket: &s.cfg.Bucket}
	if s.cfg.Region != "us-east-1" { // which S3 takes for none
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.cfg.Region)}
	}
	_, err = s.client.CreateBucket(ctx, in)
	switch {
	case err == nil:
		return DoneNow, nil
	case code(err) == "BucketAlreadyOwnedByYou": // another one was quicker
		return DoneBefore, nil
	case code(err) == "BucketAlreadyExists":
		return "", &settingError{fmt.Sprintf("storage.s3.bucket: the name %q is taken by somebody else: choose another", s.cfg.Bucket)}
	}
	return "", s.forbidden(err, "s3:CreateBucket")
}

// setExpiry keeps the bucket's other rules.
func (s *Store) setExpiry(ctx context.Context, folders []Folder) (Done, error) {
	want := make([]types.LifecycleRule, len(folders))
	for i, f := range folders {
		want[i] = types.LifecycleRule{
			ID: aws.String(s.cfg.ruleID(f)), Status: types.ExpirationStatusEnabled,
			Filter:     &types.LifecycleRuleFilter{Prefix: aws.String(s.cfg.Prefix + f.Dir)},
			Expiration: &types.LifecycleExpiration{Days: aws.Int32(int32(f.Days()))}, //nolint:gosec // a retention of days
			// In a bucket with versions what is deleted is only hidden.
			NoncurrentVersionExpiration:    &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)},
			AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(abandoned)},
		}
	}
	held, others, err := s.expiryRules(ctx, want)
	switch {
	case isUnsupported(err):
		return Unsupported, nil
	case err != nil:
		return "", s.forbidden(err, "s3:GetLifecycleConfiguration")
	case slices.EqualFunc(held, want, sameRule):
		return wholeOr(held, DoneBefore), nil
	}
	err = s.putExpiry(ctx, slices.Concat(others, want))
	if isPartly(err) {
		for i := range want {
			want[i].NoncurrentVersionExpiration, want[i].AbortIncompleteMultipartUpload = nil, nil
		}
		err = s.putExpiry(ctx, slices.Concat(others, want))
	}
	switch {
	case isUnsupported(err):
		return Unsupported, nil
	case err != nil:
		return "", s.forbidden(err, "s3:PutLifecycleConfiguration")
	}
	if held, err = s.keptExpiry(ctx, want); err != nil {
		return "", err
	}
	return wholeOr(held, DoneNow), nil
}

// keptExpiry reads the rules back: some stores drop what they do not know without a
// word. Others show late what they took, and MinIO reads what it knows of its buckets
// while it already serves, so that rules that came meanwhile are lost until they are
// set anew. Hence it looks for a while, and sets them again in between.
func (s *Store) keptExpiry(ctx context.Context, want []types.LifecycleRule) ([]types.LifecycleRule, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() ([]types.LifecycleRule, error) {
		held, others, err := s.expiryRules(ctx, want) // somebody else may change theirs
		if err != nil {
			return nil, s.forbidden(err, "s3:GetLifecycleConfiguration")
		}
		if slices.EqualFunc(held, want, sameRule) {
			return held, nil
		}
		if err := s.putExpiry(ctx, slices.Concat(others, want)); err != nil {
			return nil, s.forbidden(err, "s3:PutLifecycleConfiguration")
		}
		return nil, &settingError{fmt.Sprintf("storage.s3.bucket: the store did not keep the lifecycle rules of the bucket %q", s.cfg.Bucket)}
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(keptFor))
}

// ruleID tells the rules of installations apart that share a bucket.
func (c Config) ruleID(f Folder) string {
	if c.Prefix == "" {
		return f.Rule
	}
	return f.Rule + ":" + strings.TrimSuffix(c.Prefix, "/")
}

// expiryRules gives our rules, as far as there are some, in the order of those that
// are wanted, and those of others.
func (s *Store) expiryRules(ctx context.Context, want []types.LifecycleRule) (ours, others []types.LifecycleRule, err error) {
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &s.cfg.Bucket})
	if code(err) == "NoSuchLifecycleConfiguration" {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, w := range want {
		i := slices.IndexFunc(out.Rules, func(r types.LifecycleRule) bool { return text(r.ID) == text(w.ID) })
		if i >= 0 {
			ours = append(ours, out.Rules[i])
			out.Rules = slices.Delete(out.Rules, i, i+1)
		}
	}
	return ours, out.Rules, nil
}

func (s *Store) putExpiry(ctx context.Context, rules []types.LifecycleRule) error {
	_, err := s.client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &s.cfg.Bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: slices.Clone(rules)},
	})
	return err
}

// isPartly reports that a store does not know something in what was to be set.
func isPartly(err error) bool {
	c := code(err)
	return c == "MalformedXML" || c == "InvalidArgument" || c == "InvalidRequest"
}

// sameRule compares what matters.
func sameRule(a, b types.LifecycleRule) bool {
	return a.Status == b.Status && a.Filter != nil && text(a.Filter.Prefix) == text(b.Filter.Prefix) &&
		a.Expiration != nil && aws.ToInt32(a.Expiration.Days) == aws.ToInt32(b.Expiration.Days)
}

// wholeOr tells rules that the store has in part alone.
func wholeOr(held []types.LifecycleRule, done Done) Done {
	if slices.ContainsFunc(held, func(r types.LifecycleRule) bool { return r.AbortIncompleteMultipartUpload == nil }) {
		return DonePart
	}
	return done
}

// setPages keeps the bucket's other rules. Any origin may read: a browser that was
// sent here by the API's answer to a page says that its origin is "null", and who
// has a link needs no page to use it.
func (s *Store) setPages(ctx context.Context) (Done, error) {
	held, err := s.client.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: &s.cfg.Bucket})
	switch c := code(err); {
	case err == nil:
	case c == "NoSuchCORSConfiguration":
		held = &s3.GetBucketCorsOutput{}
	case isUnsupported(err):
		return Unsupported, nil
	default:
		return "", s.forbidden(err, "s3:GetBucketCORS")
	}
	ours := types.CORSRule{
		ID: aws.String(pagesRule), AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET", "HEAD"}, AllowedHeaders: []string{"*"},
		ExposeHeaders: []string{"ETag", "Content-Length", "Content-Range", "Accept-Ranges"}, MaxAgeSeconds: aws.Int32(600),
	}
	var rules []types.CORSRule
	for _, r := range held.CORSRules {
		if text(r.ID) != pagesRule {
			rules = append(rules, r)
		} else if sameCORS(r, ours) {
			return DoneBefore, nil
		}
	}
	_, err = s.client.PutBucketCors(ctx, &s3.PutBucketCorsInput{
		Bucket: &s.cfg.Bucket, CORSConfiguration: &types.CORSConfiguration{CORSRules: append(rules, ours)},
	})
	switch {
	case err == nil:
		return DoneNow, nil
	case isUnsupported(err):
		return Unsupported, nil
	}
	return "", s.forbidden(err, "s3:PutBucketCORS")
}

func sameCORS(a, b types.CORSRule) bool {
	return reflect.DeepEqual([][]string{a.AllowedOrigins, a.AllowedMethods, a.AllowedHeaders, a.ExposeHeaders},
		[][]string{b.AllowedOrigins, b.AllowedMethods, b.AllowedHeaders, b.ExposeHeaders})
}

// isUnsupported reports that a store does not know an operation.
func isUnsupported(err error) bool {
	switch code(err) {
	case "NotImplemented", "MethodNotAllowed", "XNotImplemented", "NotSupported":
		return true
	}
	return status(err) == 501
}

// forbidden names the right that is missing, where it is that.
func (s *Store) forbidden(err error, right string) error {
	if c := code(err); c == "AccessDenied" || c == "Forbidden" {
		return &settingError{fmt.Sprintf("storage.s3.access_key_id: the key needs %s on the bucket %q for this; or let whoever has it run this once", right, s.cfg.Bucket)}
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return s.cfg.advise(err)
}
