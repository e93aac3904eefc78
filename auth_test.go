package computeunit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestEnvCredentialsReadsTheEnvironmentAtEveryAttempt(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "")
	transport := record(answerBought())
	client, err := computeunit.NewClientFromEnv(withTransport(transport))
	require.NoError(t, err)
	t.Setenv("QIANFAN_ACCESS_KEY", "rotated")
	require.NoError(t, buy(t, client))
	assert.Contains(t, transport.only(t).Header.Get("Authorization"), "bce-auth-v1/rotated/")
	t.Setenv("QIANFAN_SECRET_KEY", testSecretKey+"\n")
	err = buy(t, client)
	assertUnsent(t, false, err) // waiting sets no variable
	assert.ErrorContains(t, err, "QIANFAN_SECRET_KEY")
	assertNoSecret(t, err.Error())
	transport.only(t)
}

func TestTheProviderIsAskedAtEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		rotating := providerFunc(func(context.Context) (computeunit.Credentials, error) {
			asked++
			return computeunit.Credentials{AccessKeyID: fmt.Sprintf("ak%d", asked), SecretAccessKey: "sk"}, nil
		})
		transport := record(answerWith(http.StatusTooManyRequests, "", "Retry-After", "1"), answerBought())
		client := newClientWith(t, rotating, transport)
		require.Zero(t, asked, "NewClient asks nothing")
		require.NoError(t, buy(t, client))
		for i, sent := range transport.requests() {
			assert.Contains(t, sent.Header.Get("Authorization"), fmt.Sprintf("bce-auth-v1/ak%d/", i+1))
		}
		assert.Equal(t, 2, asked)
	})
}

// A server recovers from a panic of its handler's goroutine, and of no other.
func TestAPanicOfTheProviderIsTheCallers(t *testing.T) {
	panicking := providerFunc(func(context.Context) (computeunit.Credentials, error) { panic("the vault") })
	assert.PanicsWithValue(t, "the vault", func() { _ = buy(t, newClientWith(t, panicking, answerBought())) })
}

func TestAnErrorOfTheProviderEndsThePurchaseUnsentWhateverItClaims(t *testing.T) {
	for _, claimed := range []error{
		errLost, unknown, &computeunit.OutcomeError{Outcome: unknown, ServiceID: "other", Err: errLost},
		fmt.Errorf("vault: %w", errors.Join(errLost, unknown)),
	} {
		failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return testCredentials(), claimed })
		transport := record(answerBought())
		err := buy(t, newClientWith(t, failing, transport))
		assertUnsent(t, true, err)
		assert.ErrorContains(t, err, claimed.Error())
		assert.Equal(t, claimed == errLost, errors.Is(err, claimed))
		assertNoSecret(t, err.Error())
		assert.Empty(t, transport.requests())
	}
}

// Static keys are refused by NewClient, those of any other provider before anything is sent.
func TestCredentialsThatCannotBeUsedAreRefused(t *testing.T) {
	const ak, sk, token = testAccessKey, testSecretKey, testSessionToken
	for name, keys := range map[string][][3]string{
		"access key id": {
			{}, {"", sk}, {"  ", sk}, {ak + " x", sk}, {ak + "\n", sk}, {ak + "\x7f", sk}, {ak + "/x", sk}, {ak + "钥", sk}, {ak + "\xff", sk},
		},
		"secret access key": {{ak}, {ak, " "}, {ak, sk + "\r\n"}, {ak, "\x1b" + sk}, {ak, sk + "\u3000"}},
		"session token":     {{ak, sk, " "}, {ak, sk, token + "\nX-Evil: 1"}},
	} {
		for _, bad := range keys {
			transport := record(answerBought())
			provided := computeunit.Credentials{AccessKeyID: bad[0], SecretAccessKey: bad[1], SessionToken: bad[2]}
			err := buy(t, newClientWith(t, provide(provided), transport))
			assertUnsent(t, false, err)
			if bad[2] == "" {
				client, static := computeunit.NewClient(computeunit.StaticCredentials(bad[0], bad[1]))
				assertConfigurationError(t, client, static)
				err = errors.Join(err, static)
			}
			for line := range strings.Lines(err.Error()) {
				assert.Contains(t, line, name)
				assertNoSecret(t, line)
			}
			assert.Empty(t, transport.requests())
		}
	}
}

func TestTheSecretIsNeverSentAndTheSessionTokenIs(t *testing.T) {
	for _, credentials := range []computeunit.Credentials{testCredentials(), {AccessKeyID: testAccessKey, SecretAccessKey: "!a/b+c=~"}} {
		transport := record(answerBought())
		require.NoError(t, buy(t, newClientWith(t, provide(credentials), transport)))
		sent := transport.only(t)
		assert.NotContains(t, fmt.Sprint(sent.Header, sent.URL, sent.body), credentials.SecretAccessKey)
		assert.Equal(t, credentials.SessionToken, sent.Header.Get("X-Bce-Security-Token"))
	}
}

// jsonPackages are all that this Go has: jsonv2_test.go adds to them.
var jsonPackages = map[string]struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}{"encoding/json": {json.Marshal, json.Unmarshal}}

// printed is a value in every way that Go code commonly prints one.
func printed(value any) map[string]string {
	prints := map[string]string{"Sprint": fmt.Sprint(value), "Sprintln": fmt.Sprintln(value)}
	for verb := range strings.FieldsSeq("none %v %+v %#v %s %q %+q %x %X %#x %d %t %g %c %U %b %o %20v %-.3s %!") {
		prints[verb] = fmt.Sprintf(verb, value)
	}
	prints["% x"] = fmt.Sprintf("% x", value)
	for name, pkg := range jsonPackages {
		text, err := pkg.marshal(value)
		nested, nestedErr := pkg.marshal(map[string]any{"value": []any{value}})
		prints[name] = fmt.Sprint(string(text), err, string(nested), nestedErr)
	}
	var text bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).With("value", value).Info(fmt.Sprint(value), "value", value, slog.Group("group", "value", value))
	}
	prints["slog"] = text.String()
	return prints
}

func TestNoPrintShowsASecret(t *testing.T) {
	credentials := testCredentials()
	type holding struct {
		computeunit.Credentials
		Pointer *computeunit.Credentials
		List    []computeunit.Credentials
		Any     any
	}
	client, static := newClientWith(t, provide(credentials), answerBought()), newClient(t, answerBought())
	require.NoError(t, buy(t, client))
	for name, value := range map[string]any{
		"credentials":            credentials,
		"pointer to credentials": &credentials,
		"map of credentials":     map[computeunit.Credentials]computeunit.Credentials{credentials: credentials},
		"struct":                 holding{credentials, &credentials, []computeunit.Credentials{credentials}, credentials},
		"static provider":        computeunit.StaticCredentials(testAccessKey, testSecretKey),
		"own provider":           provide(credentials),
		"client":                 client,
		"client by value":        reflect.ValueOf(client).Elem().Interface(),
		"static client by value": reflect.ValueOf(static).Elem().Interface(),
		"struct with a client":   struct{ Client *computeunit.Client }{static},
		"error of a refusal":     buy(t, newClientWith(t, provide(credentials), answerWith(403, deniedBody))),
		"error of a lost answer": buy(t, newClientWith(t, provide(credentials), failWith(errLost))),
	} {
		t.Run(name, func(t *testing.T) {
			for how, text := range printed(value) {
				for _, form := range secretForms() {
					assert.NotContains(t, text, form, how)
				}
			}
		})
	}
	for how, text := range printed(credentials) {
		assert.Contains(t, text, "redacted", how)
	}
	var none *computeunit.Credentials
	assert.NotPanics(t, func() { printed(none) })
}
