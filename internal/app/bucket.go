package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/config"
)

// folders are what the object store holds, and for how long.
func folders(c *config.Config) []s3blob.Folder {
	return []s3blob.Folder{
		{Rule: "tintype-jobs", Dir: "jobs/", Keep: keptAtMost(c)},
		{Rule: "tintype-files", Dir: "files/", Keep: c.Retention.Files},
	}
}

// InitBucket sets the object store up: the bucket itself, its rules for what is
// left over, and what browsers need that are sent to it. It may be run as often as
// one likes. say is called with one line for each part.
func InitBucket(ctx context.Context, c *config.Config, say func(part, what string)) error {
	store, closeStore, err := openStorage(ctx, c)
	if err != nil {
		return err
	}
	defer closeStore()
	bucket, ok := store.(*s3blob.Store)
	if !ok {
		if err := store.Check(ctx); err != nil {
			return err
		}
		say("folder", c.Storage.File.Dir+" can be written, read and cleaned up; the workers remove what expires")
		return nil
	}
	done, err := bucket.Init(ctx, s3blob.Wishes{Folders: folders(c), Pages: c.Media.Delivery == config.Redirect})
	if done.Bucket != "" {
		say("bucket", fmt.Sprintf("%s: %s", c.Storage.S3.Bucket, done.Bucket))
	}
	if done.Expiry != "" {
		say("expiry", expiryText(c, done))
	}
	if err != nil {
		return err
	}
	switch done.Pages {
	case s3blob.NotAsked:
		say("pages", "not needed: with media.delivery proxy no browser comes to the bucket")
	case s3blob.Unsupported:
		say("pages", "this store has no CORS rules: see to it by its own settings that pages of other origins may read, or use media.delivery proxy")
	case s3blob.DoneNow, s3blob.DoneBefore, s3blob.DonePart:
		say("pages", fmt.Sprintf("browsers may read what a link leads to: %s", done.Pages))
	}
	return nil
}

func expiryText(c *config.Config, done s3blob.Setup) string {
	var after []string
	for _, f := range folders(c) {
		after = append(after, fmt.Sprintf("%s after %d days", c.Storage.S3.Prefix+f.Dir, f.Days()))
	}
	list := strings.Join(after, ", ")
	switch done.Expiry {
	case s3blob.Unsupported:
		return fmt.Sprintf("this store has no lifecycle rules. The workers remove what expires of jobs; what they could not come to stays, and so do uploaded pictures. Remove now and then what is old: %s", list)
	case s3blob.DonePart:
		return fmt.Sprintf("%s: %s; the store takes no rule for unfinished uploads, which the workers clear away", list, done.Expiry)
	case s3blob.DoneNow, s3blob.DoneBefore, s3blob.NotAsked:
	}
	return fmt.Sprintf("%s, unfinished uploads after one: %s", list, done.Expiry)
}

// keptAtMost is how old an object of a job can get that is still needed: its input
// image is there before the job begins. Two days more are for the workers, which
// remove what expires by themselves and may have been away.
func keptAtMost(c *config.Config) time.Duration {
	made := max(c.Image.Deadline+c.Image.Harvest, c.Video.Deadline+c.Video.Harvest)
	return made + max(c.Retention.Jobs, c.Retention.Max) + 48*time.Hour
}
