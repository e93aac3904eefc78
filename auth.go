package computeunit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// The environment variables that Baidu's own Qianfan SDKs read.
const (
	envAccessKey = "QIANFAN_ACCESS_KEY"
	envSecretKey = "QIANFAN_SECRET_KEY"
	envEndpoint  = "QIANFAN_CONSOLE_BASE_URL"
)

// Credentials are the keys that requests are signed with (bce-auth-v1). Printed, logged or marshalled to JSON they
// show no secret. The exceptions are the verbs %p and %w, which do not fit: with them fmt asks no method, and prints the
// keys. go vet reports %w only. The zero value is not valid: a purchase with it ends in [ErrNotPurchased] before anything
// is sent.
type Credentials struct {
	// AccessKeyID is the access key (AK). Required; it has no blanks, control characters or slashes.
	AccessKeyID string
	// SecretAccessKey is the secret key (SK). Required.
	SecretAccessKey string
	// SessionToken comes with temporary (STS) credentials, and is empty for permanent ones.
	SessionToken string
}

// CredentialsProvider gives the credentials to sign with. It is asked at every attempt, so keys can rotate, and
// it must be safe for concurrent use. Its error ends the call: a purchase as [ErrNotPurchased] and [ErrRetryable], but that of
// [EnvCredentials] is not retryable, as waiting sets no variable. The context is the attempt's. A provider that outlasts it is not
// waited for.
type CredentialsProvider interface {
	Credentials(context.Context) (Credentials, error)
}

// StaticCredentials provides one permanent access key. [NewClient] refuses keys that cannot be used.
func StaticCredentials(accessKeyID, secretAccessKey string) CredentialsProvider {
	return staticCredentials(func() Credentials {
		return Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}
	})
}

// staticCredentials keeps keys in a closure: printing one, or what holds it, shows an address.
type staticCredentials func() Credentials

func (s staticCredentials) Credentials(context.Context) (Credentials, error) { return s(), nil }

// EnvCredentials provides the keys in the environment variables QIANFAN_ACCESS_KEY and QIANFAN_SECRET_KEY, which
// Baidu's own Qianfan SDKs read too. They are read at every attempt; while one is not set, that is an error.
func EnvCredentials() CredentialsProvider { return envCredentials{} }

type envCredentials struct{}

func (envCredentials) Credentials(context.Context) (Credentials, error) {
	credentials := Credentials{AccessKeyID: os.Getenv(envAccessKey), SecretAccessKey: os.Getenv(envSecretKey)}
	if err := credentials.check(envAccessKey, envSecretKey); err != nil {
		return Credentials{}, fmt.Errorf("the environment variable %w", err)
	}
	return credentials, nil
}

// check calls the keys by the names that their owner knows, and repeats no value. A slash would break the Authorization header
// apart; a quote is what copying a key can leave around it.
func (c Credentials) check(accessKeyID, secretAccessKey string) error {
	usable := func(key string) bool { return key != "" && printable(key) && !strings.ContainsAny(key, "\"'`") }
	const unusable = "%s is not set, or has a character in it that such a key cannot have, such as a blank or a quote"
	switch {
	case !usable(c.AccessKeyID) || strings.Contains(c.AccessKeyID, "/"):
		return fmt.Errorf(unusable, accessKeyID)
	case !usable(c.SecretAccessKey):
		return fmt.Errorf(unusable, secretAccessKey)
	case !printable(c.SessionToken):
		return errors.New("the session token has a blank or a character in it that is not printable ASCII")
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

const redacted = "computeunit.Credentials(redacted)"

// Format prints the same for every verb: without it %d or %x would go through the fields.
func (c Credentials) Format(state fmt.State, _ rune) { fmt.Fprint(state, redacted) }

// MarshalText makes encoding/json, log/slog and others write the same.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }
