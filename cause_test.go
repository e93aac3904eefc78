package computeunit_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
)

func TestAnAPIErrorHasTheCodeAndTheMessageOfTheResponse(t *testing.T) {
	for _, row := range []struct {
		body          string
		code, message string
	}{
		{`{"code":"A","message":"b"}`, "A", "b"},
		{`{"error_code":17,"error_msg":"b"}`, "17", "b"},
		{`{"code":-17,"msg":"b"}`, "-17", "b"},
		{`{"code":99999999999999999999,"message":null,"msg":"b"}`, "99999999999999999999", "b"},
		{`{"error":{"code":"A","message":"b"}}`, "gateway", "b"},
		{`{"error":"b"}`, "gateway", "b"},
		{`{"Code":"A","MESSAGE":7}`, "A", "7"},
		{`{"code":"\u0041","message":{"zh":"b"}}`, "A", `{"zh":"b"}`},
		{``, "gateway", "denied"},
		{`{"code":"","message":""}`, "gateway", "denied"},
	} {
		err := buyAnswered(t, 400, row.body, "X-Bce-Error-Code", "gateway", "X-Bce-Error-Message", "denied")
		assertOutcome(t, notPurchased, err)
		answered := apiError(t, err)
		assert.Equal(t, []any{400, row.code, row.message}, []any{answered.StatusCode, answered.Code, answered.Message}, row.body)
	}
}

func TestAnErrorSaysWhoAnswered(t *testing.T) {
	const service, gateway, anybody = ": the service answered HTTP ", ": the service or its gateway answered HTTP ", ": something on the way, such as a gateway or a proxy, answered HTTP "
	assert.ErrorContains(t, buyAnswered(t, 403, deniedBody), service+"403 Forbidden")
	assert.ErrorContains(t, buyAnswered(t, 403, ``, "X-Bce-Error-Code", "IamSignatureInvalid"), gateway+"403")
	assert.ErrorContains(t, buyAnswered(t, 502, `<html>`, "X-Bce-Request-Id", "r"), gateway+"502")
	assert.ErrorContains(t, buyAnswered(t, 502, `<html>`), anybody+"502 Bad Gateway")
}

// Whoever has to find out needs to see what there was, and why that proves nothing.
func TestAnUnknownOutcomeShowsItsEvidenceAndWhy(t *testing.T) {
	for status, bodies := range map[int]map[string]string{
		200: {
			`<html>好`:                    `, content type "text/html", 9 bytes: "<html>好": the response is not one whole JSON object`,
			`[]`:                         `2 bytes: "[]": the response is not one whole JSON object`,
			`{"code":"OutOfStock"}`:      `21 bytes: "{\"code\":\"OutOfStock\"}": the response has an error, which does not prove a refusal`,
			`{"result":{}}`:              `"{\"result\":{}}": the response has neither an instance id nor an order id`,
			`{"result":[]}`:              `"{\"result\":[]}": the result is not the documented one`,
			`{"result":{"orderId":17}}`:  `: the response has an id twice, of another type than a text`,
			strings.Repeat("x", 1<<20+1): `xxx": the response is longer than 1048576 bytes`,
		},
		400: {
			documentedAnswer: `: the response has a result, an id or success, which contradicts a refusal`,
			internalBody:     `: the code is that of a failure inside the service`,
			`{"code":[1]}`:   `"{\"code\":[1]}": the response has a field twice, or of another type than documented`,
			`{"code":"X"`:    `: the response is not one whole JSON object`,
		},
		504: {``: `HTTP 504 Gateway Timeout, content type "text/html", 0 bytes: ""`},
	} {
		for body, part := range bodies {
			err := buyAnswered(t, status, body, "Content-Type", "text/html")
			assertOutcome(t, unknown, err)
			assert.ErrorContains(t, err, part)
			assert.NotContains(t, err.Error(), "Go value", "a type of Go")
			assert.NotEmpty(t, apiError(t, err).Evidence)
		}
	}
	assert.ErrorContains(t, buyAnswered(t, 200, `x`, "Content-Encoding", "br"), `"x": the response is encoded as "br"`)
	assert.ErrorContains(t, buy(t, newClient(t, cutAfter(200, `{"result":{"orderId":"o-1"`))), `\"o-1\"": the response was cut off`)
}

func TestARefusalShowsItsBodyOnlyIfNothingIsReadInIt(t *testing.T) {
	for body, evidence := range map[string]string{
		deniedBody: ``, ``: ``, `{"message":"no stock"}`: ``,
		`{"detail":"no stock"}`: `content type "", 21 bytes: "{\"detail\":\"no stock\"}"`, `no stock`: `content type "", 8 bytes: "no stock"`,
	} {
		assert.Equal(t, evidence, apiError(t, buyAnswered(t, 400, body)).Evidence)
	}
}

func TestARefusalThatOnlyTheOptionBelievesSaysSo(t *testing.T) {
	client := newClient(t, answerWith(200, `{"code":"OutOfStock"}`), computeunit.WithRefusalCodes("OutOfStock"))
	assert.ErrorContains(t, buy(t, client), "the option WithRefusalCodes says that this code refuses")
	assert.NotContains(t, buyAnswered(t, 200, deniedBody).Error(), "WithRefusalCodes")
	assert.NotContains(t, buyAnswered(t, 400, `{"code":"OutOfStock"}`).Error(), "WithRefusalCodes")
}

// A wrong clock is named by how much it is off, whatever the code: the codes for it are not all documented.
func TestARefusalWhoseDateIsFarAwayNamesTheDifferenceOfTheClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for ahead, want := range map[time.Duration]string{
			59 * time.Second: "", -59 * time.Second: "",
			61 * time.Second: "is 1m1s ahead of this machine's clock", -8 * time.Hour: "is -8h0m0s ahead of this machine's clock",
		} {
			date := time.Now().Add(ahead).UTC().Format(http.TimeFormat)
			for status, named := range map[int]bool{400: true, 401: true, 403: true, 404: false, 429: false, 500: false} {
				err := buyAnswered(t, status, `{"code":"SignatureDoesNotMatch"}`, "Date", date)
				assert.Equal(t, named && want != "", strings.Contains(err.Error(), "clock"), "%d: %v", status, err)
				assert.True(t, !named || strings.Contains(err.Error(), want), err)
			}
		}
	})
}

// A response is read up to 1 MiB. An error about it goes into logs.
func TestAnErrorIsShortHoweverLongTheResponseIs(t *testing.T) {
	long := strings.Repeat("长", 50_000)
	for _, status := range []int{200, 400} {
		for _, body := range []string{
			long, `{"code":"` + long + `","message":"` + long + `"}`, `{"requestId":"` + long + `"}`, `{"error":"` + long + `"}`, `{"result":{"orderId":["` + long + `"]}}`,
		} {
			assert.Less(t, len(buyAnswered(t, status, body).Error()), 2500, "%.50s", body)
		}
	}
	assert.Less(t, len(buyAnswered(t, 302, ``, "Location", long, "Content-Type", long, "X-Bce-Request-Id", long, "X-Bce-Error-Code", long).Error()), 2500)
	whole := apiError(t, buyAnswered(t, 400, `{"code":"`+long+`","message":"`+long+`"}`))
	assert.Equal(t, []string{long, long}, []string{whole.Code, whole.Message}, "the fields have it whole")
}

// Wherever a response repeats what was sent, no part of that is shown, nor logged. A signature is good for five minutes and for any
// body: whoever reads it in a log can buy with it.
func TestNoErrorShowsWhatWasSent(t *testing.T) {
	credentials := testCredentials()
	credentials.SessionToken = strings.Repeat("st1b3d/5f7", 60)
	for place, row := range map[string]struct {
		status       int
		body, header string // where it is repeated
	}{
		"code and message":    {400, `{"code":"%s","message":"%s"}`, "Any"},
		"message, once more":  {429, `{"message":"%s"}`, "Any"},
		"gateway's code":      {400, ``, "X-Bce-Error-Code"},
		"gateway's message":   {400, ``, "X-Bce-Error-Message"},
		"request id":          {400, `{"requestId":"%s"}`, "Any"},
		"request id's header": {400, ``, "X-Bce-Request-Id"},
		"body":                {500, "%s", "Any"},
		"content type":        {500, ``, "Content-Type"},
		"encoding":            {200, `{}`, "Content-Encoding"},
		"transport's error":   {0, ``, ""},
	} {
		t.Run(place, func(t *testing.T) {
			var book logBook
			var signature string
			err := buy(t, newClientWith(t, provide(credentials), roundTripFunc(func(req *http.Request) (*http.Response, error) {
				authorization := req.Header.Get("Authorization")
				signature = authorization[len(authorization)-64:]
				sent := authorization + " " + req.Header.Get("X-Bce-Security-Token") + " " + signature
				if row.status == 0 {
					return nil, errors.New(sent)
				}
				return answerWith(row.status, strings.ReplaceAll(row.body, "%s", sent), row.header, sent, "Retry-After", "0")(req)
			}), book.option()))
			shown := fmt.Sprintf("%v %+v %#v %s %s", err, err, err, marshal(t, err), book.text.String())
			for _, secret := range []string{signature[:8], "st1b3d", testSecretKey, "bce-auth-v1", "replicasCount"} {
				assert.NotContains(t, shown, secret)
			}
			assert.Contains(t, shown, "(signature)")
		})
	}
}

// Of half a secret nobody would know what it is.
func TestTheSampleOfABodyIsCutAfterItIsRedacted(t *testing.T) {
	for before := 150; before < 200; before += 7 {
		filler := strings.Repeat("x", before)
		evidence := apiError(t, buy(t, newClient(t, roundTripFunc(func(req *http.Request) (*http.Response, error) {
			return answerWith(500, filler+req.Header.Get("Authorization")+strings.Repeat("y", 200))(req)
		})))).Evidence
		assert.Contains(t, evidence, (filler + "(signature)" + strings.Repeat("y", 200))[:200])
		assert.NotContains(t, evidence, "bce")
	}
}
