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
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestEnvCredentialsReadsTheEnvironmentAtEveryAttempt(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "")
	transport := record(answerBought())
	client := newClientWith(t, computeunit.EnvCredentials(), transport)
	t.Setenv("QIANFAN_ACCESS_KEY", "rotated")
	require.NoError(t, buy(t, client))
	assert.Contains(t, transport.only(t).Header.Get("Authorization"), "bce-auth-v1/rotated/")
	for name, value := range map[string]string{"QIANFAN_ACCESS_KEY": "", "QIANFAN_SECRET_KEY": testSecretKey + "\n"} {
		t.Setenv(name, value)
		err := buy(t, client)
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.NotErrorIs(t, err, computeunit.ErrRetryable, "waiting sets no variable")
		assert.ErrorContains(t, err, name)
		assertNoSecret(t, err.Error())
		t.Setenv(name, "fixed")
	}
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

func TestTheProviderGetsAContextThatEndsWithTheBuyers(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	waiting := providerFunc(func(ctx context.Context) (computeunit.Credentials, error) {
		assert.Equal(t, "value", ctx.Value(key{}))
		cancel()
		<-ctx.Done()
		return computeunit.Credentials{}, ctx.Err()
	})
	transport := record(answerBought())
	_, err := newClientWith(t, waiting, transport).PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, err, computeunit.ErrRetryable)
	assertOneLine(t, err)
	assert.Empty(t, transport.requests())
}

// A vault that hangs, and looks at no context, must not hang a service.
func TestAProviderThatOutlastsItsContextDoesNotOutlastTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := providerFunc(func(context.Context) (computeunit.Credentials, error) {
			time.Sleep(time.Hour)
			return testCredentials(), nil
		})
		transport := record(answerBought())
		started := time.Now()
		err := buy(t, newClientWith(t, hanging, transport, computeunit.WithTimeout(5*time.Second)))
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, computeunit.ErrRetryable)
		assert.Equal(t, 5*time.Second, time.Since(started))
		time.Sleep(2 * time.Hour)
		assert.Empty(t, transport.requests(), "nor is anything sent when it comes back")
	})
}

// A server recovers from a panic of its handler's goroutine, and of no other.
func TestAPanicOfTheProviderIsTheCallers(t *testing.T) {
	panicking := providerFunc(func(context.Context) (computeunit.Credentials, error) { panic("the vault") })
	assert.PanicsWithValue(t, "the vault", func() { _ = buy(t, newClientWith(t, panicking, answerBought())) })
}

func TestAnErrorOfTheProviderEndsThePurchaseUnsentWhateverItClaims(t *testing.T) {
	for name, broken := range map[string]error{
		"its own":      errors.New("the vault is sealed"),
		"the sentinel": computeunit.ErrOutcomeUnknown,
		"another purchase": &computeunit.OutcomeError{Outcome: computeunit.ErrOutcomeUnknown, ServiceID: "other",
			Err: errors.New("reset")},
		"wrapped": fmt.Errorf("vault: %w", errors.Join(errors.New("x"), computeunit.ErrOutcomeUnknown)),
	} {
		t.Run(name, func(t *testing.T) {
			failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return testCredentials(), broken })
			transport := record(answerBought())
			err := buy(t, newClientWith(t, failing, transport))
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.ErrorIs(t, err, computeunit.ErrRetryable)
			assert.ErrorContains(t, err, broken.Error())
			assert.Equal(t, name == "its own", errors.Is(err, broken))
			assertNoSecret(t, err.Error())
			assert.Empty(t, transport.requests())
		})
	}
}

// Static keys are refused by NewClient, those of any other provider before anything is sent.
func TestCredentialsThatCannotBeUsedAreRefused(t *testing.T) {
	const ak, sk, token = testAccessKey, testSecretKey, testSessionToken
	badKey, badSecret, badToken := "access key id", "secret access key", "session token"
	for _, test := range []struct{ ak, sk, token, names string }{
		{"", "", "", badKey}, {"", sk, "", badKey}, {"  ", sk, "", badKey}, {ak + " x", sk, "", badKey}, {"\t" + ak, sk, "", badKey},
		{ak + "\n", sk, "", badKey}, {ak + "\x00", sk, "", badKey}, {ak + "\x7f", sk, "", badKey}, {ak + "/x", sk, "", badKey},
		{ak + "钥", sk, "", badKey}, {ak + "\xff", sk, "", badKey},
		{ak, "", "", badSecret}, {ak, " ", "", badSecret}, {ak, sk + "\r\n", "", badSecret},
		{ak, "\x1b" + sk, "", badSecret}, {ak, sk + "\u3000", "", badSecret},
		{ak, sk, " ", badToken}, {ak, sk, token + "\nX-Evil: 1", badToken},
	} {
		t.Run(fmt.Sprintf("%q", test), func(t *testing.T) {
			transport := record(answerBought())
			provided := computeunit.Credentials{AccessKeyID: test.ak, SecretAccessKey: test.sk, SessionToken: test.token}
			err := buy(t, newClientWith(t, provide(provided), transport))
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.NotErrorIs(t, err, computeunit.ErrRetryable)
			assert.ErrorContains(t, err, test.names)
			assertNoSecret(t, err.Error())
			assert.Empty(t, transport.requests())
			if test.token == "" {
				client, err := computeunit.NewClient(computeunit.StaticCredentials(test.ak, test.sk))
				assertConfigurationError(t, client, err)
				assert.ErrorContains(t, err, test.names)
				assertNoSecret(t, err.Error())
			}
		})
	}
}

func TestTheSecretIsNeverSentAndTheSessionTokenIsSentAndSigned(t *testing.T) {
	for name, credentials := range map[string]computeunit.Credentials{
		"temporary": testCredentials(),
		"permanent": {AccessKeyID: testAccessKey, SecretAccessKey: "!a/b+c=~"},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerBought())
			require.NoError(t, buy(t, newClientWith(t, provide(credentials), transport)))
			sent := transport.only(t)
			assert.NotContains(t, fmt.Sprint(sent.Header, sent.URL, sent.body), credentials.SecretAccessKey)
			assert.Equal(t, credentials.SessionToken, sent.Header.Get("X-Bce-Security-Token"))
			signed := []string{"content-type", "host", "x-bce-date", "x-bce-security-token"}
			assert.Equal(t, signed[:len(sent.Header["X-Bce-Security-Token"])+3], signedHeaders(t, sent))
		})
	}
}

// The one method that covers fmt, and the one for all that marshals: each more is one more that can go wrong.
func TestCredentialsHaveTwoMethods(t *testing.T) {
	of := reflect.TypeFor[*computeunit.Credentials]()
	var methods []string
	for i := range of.NumMethod() {
		methods = append(methods, of.Method(i).Name)
	}
	assert.Equal(t, []string{"Format", "MarshalText"}, methods)
}

// jsonPackages are all that this Go has: jsonv2_test.go adds to them.
var jsonPackages = map[string]struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}{"encoding/json": {json.Marshal, json.Unmarshal}}

// printed is a value in every way that Go code commonly prints one.
func printed(value any) map[string]string {
	prints := map[string]string{"Sprint": fmt.Sprint(value), "Sprintln": fmt.Sprintln(value)}
	for _, verb := range []string{"no verb", "%v", "%+v", "%#v", "%s", "%q", "%+q", "%x", "%X", "% x", "%#x", "%d", "%t",
		"%g", "%c", "%U", "%b", "%o", "%20v", "%-.3s", "%!"} {
		prints[verb] = fmt.Sprintf(verb, value)
	}
	for name, pkg := range jsonPackages {
		text, err := pkg.marshal(value)
		prints[name] = fmt.Sprint(string(text), err)
		text, err = pkg.marshal(map[string]any{"value": []any{value}})
		prints[name+", nested"] = fmt.Sprint(string(text), err)
	}
	var text bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		logger := slog.New(handler)
		logger.Info("value", "value", value, slog.Group("group", "value", value))
		logger.With("value", value).Info(fmt.Sprint(value))
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
		Map     map[computeunit.Credentials]computeunit.Credentials
		Any     any
		private computeunit.Credentials
	}
	client := newClientWith(t, provide(credentials), answerBought())
	require.NoError(t, buy(t, client))
	static := newClient(t, answerBought())
	for name, value := range map[string]any{
		"credentials":            credentials,
		"pointer to credentials": &credentials,
		"list of credentials":    []computeunit.Credentials{credentials},
		"map of credentials":     map[computeunit.Credentials]computeunit.Credentials{credentials: credentials},
		"struct": holding{credentials, &credentials, []computeunit.Credentials{credentials}, nil,
			credentials, computeunit.Credentials{}},
		"static provider":        computeunit.StaticCredentials(testAccessKey, testSecretKey),
		"own provider":           provide(credentials),
		"client":                 client,
		"client by value":        reflect.ValueOf(client).Elem().Interface(),
		"static client":          static,
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
