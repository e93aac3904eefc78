package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAnAuthorizationOfAnotherFormIsRefused(t *testing.T) {
	for name, authorization := range map[string]string{
		"blank":            " ",
		"another scheme":   strings.Replace(vectorAll, "v1", "v2", 1),
		"five parts":       strings.TrimSuffix(vectorPrefix, "/") + "/host",
		"seven parts":      vectorAll + "/more",
		"no signature":     vectorPrefix + "host/",
		"no access key":    "bce-auth-v1//" + vectorDate + "/1800/host/00",
		"no headers":       vectorPrefix + "/00",
		"no timestamp":     strings.Replace(vectorAll, vectorDate, "yesterday", 1),
		"expiry in words":  strings.Replace(vectorAll, "1800", "soon", 1),
		"negative expiry":  strings.Replace(vectorAll, "1800", "-1", 1),
		"endless expiry":   strings.Replace(vectorAll, "1800", "9999999999", 1),
		"upper case":       strings.Replace(vectorAll, ";host;", ";Host;", 1),
		"empty name":       vectorPrefix + ";host/00",
		"host not signed":  vectorPrefix + "x-bce-date/00",
		"signed, not sent": vectorPrefix + "host;x-other/00",
	} {
		assert.Equal(t, "InvalidHTTPAuthHeader", codeOf(t, vector(authorization), vectorSecret, vectorTime), name)
	}
	assert.Equal(t, "SignatureEmpty", codeOf(t, vector(""), vectorSecret, vectorTime))
}

func TestASignatureIsOfItsTime(t *testing.T) {
	for off, code := range map[time.Duration]string{
		30 * time.Minute: "", 30*time.Minute + 1: "RequestExpired", 24 * 365 * time.Hour: "RequestExpired",
		-5 * time.Minute: "", -5*time.Minute - 1: "RequestExpired",
	} {
		assert.Equal(t, code, codeOf(t, vector(vectorAll), vectorSecret, vectorTime.Add(off)), off)
	}
}

// Baidu's Node.js and Java SDKs read the clock twice, and its curl example is five minutes apart.
func TestTheDateNeedNotBeTheTimestamp(t *testing.T) {
	const hostOnly = vectorPrefix + "host/5bdedf6ba2b3d6998c37e2727ee3644ad2ad55e6fdb4f527ecec1affd87dbbab"
	for _, date := range []string{"2015-04-27T08:23:50Z", "2015-04-27T08:18:49Z", ""} {
		r := vector(hostOnly)
		r.Header.Set("x-bce-date", date)
		assert.Empty(t, codeOf(t, r, vectorSecret, vectorTime), date)
	}
}
