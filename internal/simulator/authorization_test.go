package simulator

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVerifyMalformedHeader(t *testing.T) {
	tests := map[string]string{
		"blank":              " ",
		"other scheme":       strings.Replace(vectorAll, "v1", "v2", 1),
		"five parts":         strings.TrimSuffix(vectorPrefix, "/") + "/host",
		"seven parts":        vectorAll + "/more",
		"no signature":       vectorPrefix + "host/",
		"no access key":      "bce-auth-v1//" + vectorDate + "/1800/host/00",
		"no headers":         vectorPrefix + "/00",
		"timestamp":          strings.Replace(vectorAll, vectorDate, "yesterday", 1),
		"timestamp fraction": strings.Replace(vectorAll, "49Z", "49.5Z", 1),
		"expire text":        strings.Replace(vectorAll, "1800", "soon", 1),
		"expire negative":    strings.Replace(vectorAll, "1800", "-1", 1),
		"expire huge":        strings.Replace(vectorAll, "1800", "9999999999", 1),
		"upper case":         strings.Replace(vectorAll, ";host;", ";Host;", 1),
		"expire zero":        strings.Replace(vectorAll, "1800", "0", 1),
		"repeated":           vectorPrefix + "host;host/00",
		"repeated apart":     vectorPrefix + "host;x-bce-date;host/00",
		"empty name":         vectorPrefix + ";host/00",
		"no host":            vectorPrefix + "x-bce-date/00",
		"not sent":           vectorPrefix + "host;x-other/00",
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			err := Verify(vectorRequest(header), vectorSecret, vectorTime)
			assert.Equal(t, codeInvalidHTTPAuthHeader, codeOf(t, err))
			isInvented := slices.Contains([]string{"expire zero", "repeated", "repeated apart", "no host"}, name)
			assert.Equal(t, isInvented, strings.Contains(err.Error(), inventedMark), "%v", err)
		})
	}
	twice := vectorRequest(vectorAll)
	twice.Header.Add("Authorization", vectorAll)
	refused := Verify(twice, vectorSecret, vectorTime)
	assert.Equal(t, codeInvalidHTTPAuthHeader, codeOf(t, refused))
	assert.ErrorContains(t, refused, inventedMark)
}

func TestVerifyEmptyAuthorization(t *testing.T) {
	empty := vectorRequest("")
	assert.Equal(t, codeSignatureEmpty, codeOf(t, Verify(empty, vectorSecret, vectorTime)))
	empty.Header.Del("Authorization")
	assert.Equal(t, codeSignatureEmpty, codeOf(t, Verify(empty, vectorSecret, vectorTime)))
}

func TestAnyExpiryFromOneSecondIsAccepted(t *testing.T) {
	for expire, code := range map[string]string{
		"1": "", "300": "", "1800": "", "180000": "", "31536000": "", "0": codeInvalidHTTPAuthHeader,
	} {
		c := defaultCaller()
		c.expire = expire
		assert.Equal(t, code, serve(New(withClock(Config{})), c.request(purchasePath, exampleBody)).Code, expire)
	}
}
