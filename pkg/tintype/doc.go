// Package tintype is the Go client of a Tintype server and the shapes that
// both write on the wire. It needs nothing but the standard library.
//
// A server makes images and videos, which takes from seconds to half an hour,
// and answers chat. Every request for media is a job of the server's: it goes
// on when the caller goes away, and its result can be fetched later by its id.
// There are three ways to it, and they lead to the same job:
//
//   - [Client.Image] and [Client.Video] wait for the result,
//   - [Client.ImageStream] and [Client.VideoStream] show progress on the way,
//   - [Client.SubmitImage] and [Client.SubmitVideo] return at once, and
//     [Client.Events] and [Client.Job] tell the rest, also to another process
//     and after a lost connection.
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
//		job, err := client.SubmitVideo(ctx, tintype.VideoRequest{Prompt: "a cat at sea", Ratio: "16:9"})
//		if err != nil {
//			return err
//		}
//		for event, err := range client.Events(ctx, job.ID, 0) {
//			if err != nil {
//				return err
//			}
//			job = &event.Job
//			fmt.Printf("%s %d %%\n", event.Type, job.Progress)
//		}
//		if err := job.Err(); err != nil {
//			return err
//		}
//		file, err := os.Create("cat.mp4")
//		if err != nil {
//			return err
//		}
//		sum, _, err := client.Download(ctx, job.Media[0].URL, file)
//		if err == nil && sum != job.Media[0].SHA256 {
//			err = errors.New("cat.mp4 is not the file that the server stored")
//		}
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
// job's id. Requests that cost money are sent once and never again by
// themselves. Where a caller has no id, because the connection broke before it
// came, an IdempotencyKey in the request makes it safe to send it again.
package tintype
