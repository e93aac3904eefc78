package computeunittest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestAnAuthorizationOfAnotherFormIsRefused(t *testing.T) {
	const timestamp = "2026-11-24T23:33:46Z"
	for name, alter := range map[string]func(*http.Request){
		"two of them":      func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
		"another scheme":   authorization("v1", "v2"),
		"five parts":       authorization("/1800", ""),
		"seven parts":      authorization("/1800", "/1800/more"),
		"no signature":     authorization("49a4164b572edeb66ea037f31688df424fc7138669b910809cc11e72d6e5bfec", ""),
		"no access key":    authorization("simulator-access-key", ""),
		"no timestamp":     authorization(timestamp, "yesterday"),
		"expiry in words":  authorization("1800", "soon"),
		"negative expiry":  authorization("1800", "-1"),
		"endless expiry":   authorization("1800", "9999999999"),
		"upper case":       authorization(";host", ";Host"),
		"empty name":       authorization(";host", ";;host"),
		"host not signed":  authorization(";host", ""),
		"token not signed": header("X-Bce-Security-Token", "token"),
		"signed, not sent": authorization(";host", ";host;x-other"),
	} {
		r, server := captured(t, allSigned, 0)
		alter(r)
		assert.Equal(t, "InvalidHTTPAuthHeader", send(t, server, r), name)
	}
}

func TestASignatureIsOfItsTime(t *testing.T) {
	for late, code := range map[time.Duration]string{
		30 * time.Minute: "", 30*time.Minute + 1: "RequestExpired", -5 * time.Minute: "", -5*time.Minute - 1: "RequestExpired",
	} {
		r, server := captured(t, allSigned, late)
		assert.Equal(t, code, send(t, server, r), late)
	}
}

func TestWhoIsNotKnownIsRefused(t *testing.T) {
	server := newServer(t, computeunittest.WithKeys(
		computeunit.Credentials{AccessKeyID: "sts", SecretAccessKey: "sk", SessionToken: "token"},
		computeunit.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"}))
	assert.Equal(t, "sts", server.Credentials.AccessKeyID)
	for by, code := range map[computeunit.Credentials]string{
		server.Credentials:                                                 "",
		{AccessKeyID: "ak", SecretAccessKey: "sk"}:                         "",
		{AccessKeyID: "other", SecretAccessKey: "sk"}:                      "InvalidAccessKeyId",
		{AccessKeyID: "ak", SecretAccessKey: "other"}:                      "SignatureDoesNotMatch",
		{AccessKeyID: "sts", SecretAccessKey: "sk"}:                        "InvalidAccessKeyId",
		{AccessKeyID: "sts", SecretAccessKey: "sk", SessionToken: "other"}: "InvalidAccessKeyId",
		{AccessKeyID: "ak", SecretAccessKey: "sk", SessionToken: "token"}:  "InvalidAccessKeyId",
	} {
		client := newServer(t, computeunittest.WithKeys(by)).Client(computeunit.WithEndpoint(server.URL))
		_, err := client.PurchaseComputeUnit(t.Context(), fiveMonths)
		if code == "" {
			assert.NoError(t, err, by)
		} else {
			assert.ErrorContains(t, err, code, by)
		}
	}
	assert.ElementsMatch(t, []string{"sts", "ak"}, []string{server.Orders()[0].AccessKeyID, server.Orders()[1].AccessKeyID})
}
