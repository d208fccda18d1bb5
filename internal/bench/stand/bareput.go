package stand

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/blob/s3blob"
)

// BarePut is the SDK's PutObject of a flowing body, on a transport like the
// store's and with nothing around it: no checksum, no comparison.
func BarePut(c s3blob.Config) PutFunc {
	client := s3.New(s3.Options{
		Region: c.Region, BaseEndpoint: &c.Endpoint, UsePathStyle: c.PathStyle,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
		HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 32, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10, DisableCompression: true,
		}},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Retryer:                    aws.NopRetryer{},
	})
	return func(ctx context.Context, key string, body io.Reader, size int64) error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &c.Bucket, Key: &key, Body: body, ContentLength: &size, ContentType: aws.String("video/mp4"),
		}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
		return err
	}
}
