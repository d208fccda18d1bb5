// Package webhook tells receivers of events, as Standard Webhooks
// (standardwebhooks.com) has it: a signed POST that counts as taken once it is
// answered with 2xx, and is repeated under the same id until then.
//
//	secret.go    the secrets that sign
//	send.go      one try
//	schedule.go  when the next one is due
//
// It keeps nothing: which deliveries are owed stands in the store.
package webhook

import (
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/tintypehq/tintype/internal/account"
)

// TestType is the type of an event that says nothing but that it arrived.
const TestType = "webhook.test"

// Message is what is sent in one try.
type Message struct {
	URL  string
	ID   string    // the same in every try
	At   time.Time // of this try
	Body []byte

	// Secrets sign it, each for itself: one, or two while it is rotated.
	Secrets []account.Secret
}

// signatures gives the header that proves where a message is from: one signature
// for each secret, with spaces between.
func (m Message) signatures() (string, error) {
	all := make([]string, 0, len(m.Secrets))
	for _, s := range m.Secrets {
		signer, err := standardwebhooks.NewWebhook(s.Reveal())
		if err != nil {
			return "", errSecret // theirs quotes what it could not read
		}
		one, err := signer.Sign(m.ID, m.At, m.Body)
		if err != nil {
			return "", err
		}
		all = append(all, one)
	}
	return strings.Join(all, " "), nil
}

func (m Message) timestamp() string { return strconv.FormatInt(m.At.Unix(), 10) }
