// Package tintype is the Go client of a Tintype server and the shapes that
// both write on the wire. It needs nothing but the standard library.
//
// A server makes images and videos, which takes from seconds to half an hour,
// and answers chat. Every request for media is a job of the server's: it goes
// on when the caller goes away, and its result can be fetched later by its id.
// There are three ways to it, and they lead to the same job:
//
//   - [ImageService.Generate] and [VideoService.Generate] wait for the result,
//   - [ImageService.Stream] and [VideoService.Stream] show progress on the way,
//   - [ImageService.Submit] and [VideoService.Submit] give a [JobHandle] at once;
//     [JobService.Events], [JobService.Wait] and [JobService.Handle] tell the rest,
//     also to another process that knows only the job's id.
//
// Whoever would rather be told than ask has a receiver: [WebhookService] names it
// to the server, [VerifyWebhook] checks what comes there.
//
// A complete program that makes a video, shows its progress and saves it:
//
//	package main
//
//	import (
//		"context"
//		"errors"
//		"fmt"
//		"log"
//		"os"
//		"time"
//
//		"github.com/tintypehq/tintype/pkg/tintype"
//	)
//
//	func main() {
//		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
//		defer cancel()
//		if err := run(ctx); err != nil {
//			log.Fatal(err)
//		}
//	}
//
//	func run(ctx context.Context) error {
//		client, err := tintype.NewClient("http://127.0.0.1:8080", tintype.WithKey(tintype.KeyPooled))
//		if err != nil {
//			return err
//		}
//		handle, err := client.Videos.Submit(ctx, tintype.VideoRequest{Prompt: "a cat at sea", Ratio: "16:9"})
//		if err != nil {
//			return err
//		}
//		for event, err := range handle.Events(ctx, 0) {
//			if err != nil {
//				return err
//			}
//			fmt.Printf("%s %d %%\n", event.Type, event.Job.Progress)
//		}
//		job, err := handle.Wait(ctx)
//		if err != nil {
//			return err
//		}
//		file, err := os.Create("cat.mp4")
//		if err != nil {
//			return err
//		}
//		_, err = client.Media.Download(ctx, job.Media[0], file)
//		return errors.Join(err, file.Close())
//	}
//
// # Time
//
// The client has no time limit of its own. Give each call a context that ends
// when waiting is no longer worth it: that ends the wait and no job.
//
// # Errors
//
// What the server reports is an [*APIError], whose Code is for programs to act
// on, wherever it was said: with an error status, in the body of a 200 (a
// blocking call commits to a status long before the outcome is known), or in
// the middle of a stream. What broke off is an [*IncompleteError] with the
// job's id; it unwraps to the context's error if that is why.
//
// # What is sent again
//
// A request for media has an IdempotencyKey, made up if the caller gives none, so
// that sending it again finds the job which the first one made. Until the job is
// known, a connection that breaks is made anew for as long as ctx allows, but not
// after the hour for which a server surely knows the key; then for as long as ctx
// allows. A server that cannot be reached at all, or that is busy (408, 429, 5xx),
// is tried as often as [WithRetries] says, at the time that its Retry-After says,
// unless that is over a minute, or after ctx's end, or the server forbids it
// (X-Should-Retry: false). So is every GET. Nothing else is ever sent twice: not a
// chat, not a cancel, not a delete.
package tintype
