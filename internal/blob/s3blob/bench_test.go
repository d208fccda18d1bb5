package s3blob_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

// BenchmarkPut compares Put with its floor: a PutObject that streams the body
// unsigned and believes whatever the store says.
func BenchmarkPut(b *testing.B) {
	server := testserver.Versity(b)
	content := data(64 << 20)
	body := func() io.Reader { return struct{ io.Reader }{bytes.NewReader(content)} }
	run := func(name string, put func(ctx context.Context) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if err := put(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("floor", floor(server, int64(len(content)), body))
	for _, size := range []int64{int64(len(content)), blob.UnknownSize} {
		for _, plain := range []bool{false, true} {
			s, err := s3blob.New(b.Context(), s3blob.Config{
				Endpoint: server.Endpoint, Bucket: server.Bucket, Region: server.Region, PathStyle: true,
				AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey, PlainUploads: plain,
			})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(s.Close)
			run(fmt.Sprintf("size=%d/plain=%v", size, plain), func(ctx context.Context) error {
				_, err := s.Put(ctx, blob.PutRequest{Key: "key", Body: body(), SizeBytes: size})
				return err
			})
		}
	}
}

func floor(server *testserver.S3Server, size int64, body func() io.Reader) func(context.Context) error {
	client := s3.New(s3.Options{
		Region: server.Region, BaseEndpoint: &server.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{}},
	})
	return func(ctx context.Context) error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &server.Bucket, Key: aws.String("floor"), Body: body(), ContentLength: &size,
		}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
		return err
	}
}
