package s3blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tintypehq/tintype/internal/blob"
)

var errStalled = errors.New("s3blob: no progress for too long")

// explain turns an error of the SDK into what package blob promises. ctx is
// the caller's.
func explain(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isMissing(err):
		return blob.ErrNotFound
	}
	return fmt.Errorf("s3blob: %s: %w", op, err)
}

// code gives S3's own code of an error, or "".
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// status gives the HTTP status of an error, or 0 if no answer came.
func status(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// isMissing reports that the object does not exist; a missing bucket is
// another matter. An answer to HEAD has no body and so no code but its status.
func isMissing(err error) bool {
	c := code(err)
	return c == "NoSuchKey" || c == "NotFound" && status(err) == http.StatusNotFound
}

// advise names the setting to mend for the mistakes that operators make.
func (c Config) advise(err error) error {
	setting, why := c.diagnose(err)
	return fmt.Errorf("storage.s3.%s: %s: %w", setting, why, err)
}

func (c Config) diagnose(err error) (setting, why string) {
	at := c.Endpoint
	if at == "" {
		at = "Amazon S3 in " + c.Region
	}
	switch code(err) {
	case "NoSuchBucket":
		return "bucket", fmt.Sprintf("there is no bucket %q at %s", c.Bucket, at)
	case "InvalidBucketName":
		return "bucket", fmt.Sprintf("%q is no name of a bucket", c.Bucket)
	case "InvalidAccessKeyId", "XAdminUserNotFound": // the latter is versitygw's
		return "access_key_id", "the store does not know this key"
	case "SignatureDoesNotMatch":
		return "secret_access_key", "does not belong to the access_key_id"
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return "session_token", "the store does not accept it any more"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException", "InvalidRegion":
		return "region", fmt.Sprintf("the bucket is not in %q", c.Region)
	case "RequestTimeTooSkewed":
		return "endpoint", "this machine's clock differs from the store's"
	case "AccessDenied", "Forbidden", "AllAccessDisabled":
		return "access_key_id", fmt.Sprintf("the key may not do this in the bucket %q", c.Bucket)
	case "NotImplemented":
		return "plain_uploads", "the store cannot do this; where it is about aws-chunked uploads, true may help"
	}
	return c.diagnoseTransport(at, err)
}

// diagnoseTransport is for errors without a code of S3's.
func (c Config) diagnoseTransport(at string, err error) (setting, why string) {
	text := err.Error()
	switch s := status(err); {
	case errors.Is(err, blob.ErrCorrupt), errors.Is(err, blob.ErrNotFound):
		return "endpoint", fmt.Sprintf("%s does not keep what is written", at)
	case strings.Contains(text, "get identity"), strings.Contains(text, "static credentials are empty"):
		return "access_key_id", "is empty, and the AWS SDK finds no credentials elsewhere"
	case s == http.StatusMovedPermanently, s == http.StatusTemporaryRedirect:
		return "region", fmt.Sprintf("the bucket is not in %q", c.Region)
	case s == http.StatusForbidden:
		return "access_key_id", fmt.Sprintf("the key may not do this in the bucket %q", c.Bucket)
	case s == http.StatusServiceUnavailable, s == http.StatusTooManyRequests:
		return "endpoint", fmt.Sprintf("%s is busy, or has just started: try again", at)
	case s != 0:
		return "endpoint", fmt.Sprintf("%s does not answer as S3 does", at)
	case strings.Contains(text, "no such host") && !c.PathStyle:
		return "endpoint", fmt.Sprintf("the bucket's host name at %s cannot be resolved; path_style: true puts the bucket into the path", at)
	case strings.Contains(text, "gave HTTP response to HTTPS client"):
		return "endpoint", fmt.Sprintf("%s speaks plain HTTP: use http://", at)
	case strings.Contains(text, "certificate"):
		return "endpoint", fmt.Sprintf("the certificate of %s is not trusted", at)
	}
	return "endpoint", fmt.Sprintf("%s cannot be reached", at)
}

// text is aws.ToString, for the many pointers of the SDK.
func text(s *string) string { return aws.ToString(s) }
