package computeunit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestStaticCredentialsProvidesTheKeysItWasGiven(t *testing.T) {
	got, err := computeunit.StaticCredentials("ak", "sk").Credentials(t.Context())
	require.NoError(t, err)
	assert.True(t, got == computeunit.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"})
}

func TestEnvCredentialsReadsTheEnvironmentAtEveryAsk(t *testing.T) {
	credentials := computeunit.EnvCredentials()
	for _, keys := range []computeunit.Credentials{
		{AccessKeyID: "ak1", SecretAccessKey: "sk1"},
		{AccessKeyID: "ak2", SecretAccessKey: "sk2"},
	} {
		t.Setenv("QIANFAN_ACCESS_KEY", keys.AccessKeyID)
		t.Setenv("QIANFAN_SECRET_KEY", keys.SecretAccessKey)
		got, err := credentials.Credentials(t.Context())
		require.NoError(t, err)
		assert.True(t, keys == got)
	}
}

func TestEnvCredentialsFailsWhileAKeyIsMissingAndNamesTheVariables(t *testing.T) {
	for _, keys := range [][2]string{{"", ""}, {testAccessKey, ""}, {"", testSecretKey}} {
		t.Setenv("QIANFAN_ACCESS_KEY", keys[0])
		t.Setenv("QIANFAN_SECRET_KEY", keys[1])
		got, err := computeunit.EnvCredentials().Credentials(t.Context())
		require.ErrorContains(t, err, "QIANFAN_ACCESS_KEY")
		require.ErrorContains(t, err, "QIANFAN_SECRET_KEY")
		assertNoSecret(t, err.Error())
		assert.True(t, got == computeunit.Credentials{})
	}
}

func TestAPurchaseUsesTheKeysThatTheEnvironmentHasThen(t *testing.T) {
	t.Setenv("QIANFAN_ACCESS_KEY", "before")
	t.Setenv("QIANFAN_SECRET_KEY", "before")
	transport := record(answerBought())
	client := newClientWith(t, computeunit.EnvCredentials(), transport)
	t.Setenv("QIANFAN_ACCESS_KEY", "after")
	require.NoError(t, buy(t, client))
	assert.Contains(t, transport.only(t).Header.Get("Authorization"), "bce-auth-v1/after/")
}

func TestAPurchaseFailsWhenTheEnvironmentLosesAKey(t *testing.T) {
	t.Setenv("QIANFAN_ACCESS_KEY", testAccessKey)
	t.Setenv("QIANFAN_SECRET_KEY", testSecretKey)
	transport := record(answerBought())
	client := newClientWith(t, computeunit.EnvCredentials(), transport)
	t.Setenv("QIANFAN_SECRET_KEY", "")
	assertOutcome(t, computeunit.ErrNotPurchased, buy(t, client))
	assert.Empty(t, transport.requests())
}

func TestTheProviderIsAskedAtEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		rotating := providerFunc(func(context.Context) (computeunit.Credentials, error) {
			return computeunit.Credentials{AccessKeyID: fmt.Sprintf("ak%d", asked.Add(1)), SecretAccessKey: "sk"}, nil
		})
		transport := record(answerWith(http.StatusTooManyRequests, "", "Retry-After", "1"), answerBought())
		client := newClientWith(t, rotating, transport)
		require.Zero(t, asked.Load(), "NewClient asks nothing")
		require.NoError(t, buy(t, client))
		sent := transport.requests()
		require.Len(t, sent, 2)
		assert.Contains(t, sent[0].Header.Get("Authorization"), "bce-auth-v1/ak1/")
		assert.Contains(t, sent[1].Header.Get("Authorization"), "bce-auth-v1/ak2/")
	})
}

func TestTheProviderGetsAContextThatEndsWithTheBuyers(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	waiting := providerFunc(func(ctx context.Context) (computeunit.Credentials, error) {
		assert.Equal(t, "value", ctx.Value(key{}))
		_, limited := ctx.Deadline()
		assert.True(t, limited, "an attempt's time is limited")
		cancel()
		<-ctx.Done()
		return computeunit.Credentials{}, ctx.Err()
	})
	transport := record(answerBought())
	_, err := newClientWith(t, waiting, transport).PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, transport.requests())
}

func TestAnErrorOfTheProviderEndsThePurchaseUnsent(t *testing.T) {
	broken := errors.New("the vault is sealed")
	failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return testCredentials(), broken })
	transport := record(answerBought())
	err := buy(t, newClientWith(t, failing, transport))
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, broken)
	assertNoSecret(t, err.Error())
	assert.Empty(t, transport.requests())
}

func TestAProvidersErrorThatClaimsAnOutcomeDoesNotChangeThisOne(t *testing.T) {
	for name, claim := range map[string]error{
		"the sentinel":     computeunit.ErrOutcomeUnknown,
		"another purchase": &computeunit.OutcomeError{Outcome: computeunit.ErrOutcomeUnknown, ServiceID: "other", Err: errors.New("reset")},
		"wrapped":          fmt.Errorf("vault: %w", errors.Join(errors.New("x"), computeunit.ErrOutcomeUnknown)),
	} {
		t.Run(name, func(t *testing.T) {
			failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, claim })
			assertOutcome(t, computeunit.ErrNotPurchased, buy(t, newClientWith(t, failing, record(answerBought()))))
		})
	}
}

func TestBadCredentialsEndInNotPurchasedWithNothingSent(t *testing.T) {
	const ak, sk, token = testAccessKey, testSecretKey, testSessionToken
	for _, test := range []struct {
		name        string
		credentials computeunit.Credentials
		names       string // what the error has to name
	}{
		{"zero", computeunit.Credentials{}, "access key id"},
		{"access key empty", computeunit.Credentials{SecretAccessKey: sk}, "access key id"},
		{"access key blank", computeunit.Credentials{AccessKeyID: "  ", SecretAccessKey: sk}, "access key id"},
		{"access key with a blank", computeunit.Credentials{AccessKeyID: ak + " x", SecretAccessKey: sk}, "access key id"},
		{"access key with a tab", computeunit.Credentials{AccessKeyID: "\t" + ak, SecretAccessKey: sk}, "access key id"},
		{"access key with a newline", computeunit.Credentials{AccessKeyID: ak + "\n", SecretAccessKey: sk}, "access key id"},
		{"access key with a control character", computeunit.Credentials{AccessKeyID: ak + "\x00", SecretAccessKey: sk}, "access key id"},
		{"access key with a DEL", computeunit.Credentials{AccessKeyID: ak + "\x7f", SecretAccessKey: sk}, "access key id"},
		{"access key with a slash", computeunit.Credentials{AccessKeyID: ak + "/x", SecretAccessKey: sk}, "access key id"},
		{"access key outside ASCII", computeunit.Credentials{AccessKeyID: ak + "钥", SecretAccessKey: sk}, "access key id"},
		{"access key not UTF-8", computeunit.Credentials{AccessKeyID: ak + "\xff", SecretAccessKey: sk}, "access key id"},
		{"secret empty", computeunit.Credentials{AccessKeyID: ak}, "secret access key"},
		{"secret blank", computeunit.Credentials{AccessKeyID: ak, SecretAccessKey: " "}, "secret access key"},
		{"secret with a newline", computeunit.Credentials{AccessKeyID: ak, SecretAccessKey: sk + "\r\n"}, "secret access key"},
		{"secret with a control character", computeunit.Credentials{AccessKeyID: ak, SecretAccessKey: "\x1b" + sk}, "secret access key"},
		{"secret with an ideographic space", computeunit.Credentials{AccessKeyID: ak, SecretAccessKey: sk + "\u3000"}, "secret access key"},
		{"token blank", computeunit.Credentials{AccessKeyID: ak, SecretAccessKey: sk, SessionToken: " "}, "session token"},
		{"token with a newline", computeunit.Credentials{AccessKeyID: ak, SecretAccessKey: sk, SessionToken: token + "\nX-Evil: 1"}, "session token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport := record(answerBought())
			err := buy(t, newClientWith(t, provide(test.credentials), transport))
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.ErrorContains(t, err, test.names)
			assertNoSecret(t, err.Error())
			assert.Empty(t, transport.requests())
		})
	}
}

func TestASecretMayHaveASlash(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClientWith(t, computeunit.StaticCredentials("ak", "a/b+c="), transport)))
	transport.only(t)
}

func TestASessionTokenIsSentAndSigned(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClientWith(t, provide(testCredentials()), transport)))
	sent := transport.only(t)
	assert.Equal(t, []string{testSessionToken}, sent.Header["X-Bce-Security-Token"])
	assert.Equal(t, []string{"content-type", "host", "x-bce-date", "x-bce-security-token"}, signedHeaders(t, sent))
}

func TestPermanentKeysSendNoSessionToken(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	sent := transport.only(t)
	assert.NotContains(t, sent.Header, "X-Bce-Security-Token")
	assert.Equal(t, []string{"content-type", "host", "x-bce-date"}, signedHeaders(t, sent))
}

func TestASecretKeyIsNeverSent(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	sent := transport.only(t)
	assert.NotContains(t, fmt.Sprint(sent.Header, sent.URL, sent.body), testSecretKey)
}

// printed is a value in every way that Go code commonly prints one.
func printed(value any) map[string]string {
	prints := map[string]string{"Sprint": fmt.Sprint(value), "Sprintln": fmt.Sprintln(value)}
	for _, verb := range []string{"no verb", "%v", "%+v", "%#v", "%s", "%q", "%+q", "%x", "%X", "% x", "%#x", "%d", "%t", "%g", "%c", "%U", "%b", "%o", "%20v", "%-.3s", "%T", "%!"} {
		prints[verb] = fmt.Sprintf(verb, value)
	}
	text, err := json.Marshal(value)
	prints["json"] = fmt.Sprint(string(text), err)
	text, err = json.MarshalIndent(map[string]any{"value": []any{value}}, "", " ")
	prints["nested json"] = fmt.Sprint(string(text), err)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		logger := slog.New(handler(&b))
		logger.Info("value", "value", value, slog.Group("group", "value", value))
		logger.With("value", value).Info(fmt.Sprint(value))
		prints[name] = b.String()
	}
	return prints
}

func TestNoPrintShowsASecret(t *testing.T) {
	credentials := testCredentials()
	type embedding struct {
		computeunit.Credentials
		Region string
	}
	type embeddingPointer struct {
		*computeunit.Credentials
		Region string
	}
	type holding struct {
		Name string
		Keys computeunit.Credentials
		All  []computeunit.Credentials
		By   map[string]computeunit.Credentials
		Any  any
	}
	holder := holding{"name", credentials, []computeunit.Credentials{credentials}, map[string]computeunit.Credentials{"x": credentials}, credentials}
	client := newClientWith(t, provide(credentials), record(answerBought()))
	used := newClientWith(t, provide(credentials), record(answerBought()))
	require.NoError(t, buy(t, used))
	static := newClient(t, record(answerBought()))
	_, badEndpoint := computeunit.NewClient(provide(credentials), computeunit.WithEndpoint("https://"+testAccessKey+":"+testSecretKey+"@host"))
	require.Error(t, badEndpoint)
	badKeys := buy(t, newClientWith(t, provide(computeunit.Credentials{
		AccessKeyID: testAccessKey, SecretAccessKey: testSecretKey + "\n", SessionToken: testSessionToken,
	}), record(answerBought())))
	require.Error(t, badKeys)

	for name, value := range map[string]any{
		"credentials":               credentials,
		"pointer to credentials":    &credentials,
		"slice of credentials":      []computeunit.Credentials{credentials},
		"map of credentials":        map[string]computeunit.Credentials{"x": credentials},
		"map keyed by credentials":  map[computeunit.Credentials]int{credentials: 1},
		"embedding struct":          embedding{credentials, "bj"},
		"pointer to embedding":      &embedding{credentials, "bj"},
		"embedded pointer":          embeddingPointer{&credentials, "bj"},
		"struct with fields":        holder,
		"pointer to such a struct":  &holder,
		"static provider":           computeunit.StaticCredentials(testAccessKey, testSecretKey),
		"own provider":              provide(credentials),
		"client":                    client,
		"client by value":           reflect.ValueOf(client).Elem().Interface(),
		"client after a purchase":   used,
		"client with static keys":   static,
		"the same by value":         reflect.ValueOf(static).Elem().Interface(),
		"struct that has a client":  struct{ Client *computeunit.Client }{static},
		"error of a bad endpoint":   badEndpoint,
		"error of bad keys":         badKeys,
		"error of a refusal":        buy(t, newClientWith(t, provide(credentials), answerWith(403, `{"code":"AccessDenied","message":"no"}`))),
		"error of a lost answer":    buy(t, newClientWith(t, provide(credentials), failWith(errors.New("connection reset")))),
		"error of an invalid order": computeunit.PurchaseComputeUnitRequest{}.Validate(),
	} {
		t.Run(name, func(t *testing.T) {
			for how, text := range printed(value) {
				for _, form := range secretForms() {
					assert.NotContains(t, text, form, how)
				}
			}
		})
	}
}

func TestPrintedCredentialsSayThatTheyAreRedacted(t *testing.T) {
	for how, text := range printed(testCredentials()) {
		if how != "%T" {
			assert.Contains(t, text, "redacted", how)
		}
	}
}

func TestANilPointerToCredentialsPrintsWithoutPanic(t *testing.T) {
	var none *computeunit.Credentials
	assert.NotPanics(t, func() { printed(none) })
}

// panicVariable makes this test binary, started again, panic in the way that it names.
const panicVariable = "COMPUTEUNIT_TEST_PANIC"

// A panic prints its value and the stacks of all goroutines, and often ends up in a log.
func TestAPanicShowsNoSecret(t *testing.T) {
	client := newClientWith(t, provide(testCredentials()), roundTripFunc(func(req *http.Request) (*http.Response, error) {
		panic(req.URL.Path)
	}))
	withKeys := providerFunc(func(context.Context) (computeunit.Credentials, error) { panic(testCredentials()) })
	panics := map[string]func(){
		"credentials":            func() { panic(testCredentials()) },
		"pointer to credentials": func() { c := testCredentials(); panic(&c) },
		"client":                 func() { panic(client) },
		"in the transport":       func() { _ = buy(t, client) },
		"in the provider":        func() { _ = buy(t, newClientWith(t, withKeys, answerBought())) },
	}
	if how, ok := os.LookupEnv(panicVariable); ok {
		panics[how]()
		return
	}
	for how := range panics {
		t.Run(how, func(t *testing.T) {
			command := exec.Command(os.Args[0], "-test.run=^TestAPanicShowsNoSecret$")
			command.Env = append(os.Environ(), panicVariable+"="+how, "GOTRACEBACK=all")
			output, err := command.CombinedOutput()
			require.Error(t, err)
			assert.Contains(t, string(output), "goroutine ")
			assertNoSecret(t, string(output))
		})
	}
}
