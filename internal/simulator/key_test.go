package simulator_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestAKeyMayDoWhatItsPolicyPermits(t *testing.T) {
	for permission, permitted := range map[simulator.Permission][]string{
		"": {buying, listing, release}, simulator.ServiceRead: {listing}, simulator.NoPermission: {}, "SomeOtherPolicy": {},
	} {
		s := serve(t, simulator.Config{Keys: []simulator.Key{{
			AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, Permission: permission,
		}}})
		for action, body := range map[string]string{buying: postpaid, listing: ofOne, release: `{}`} {
			got := s.call(action, body)
			assert.Equal(t, !slices.Contains(permitted, action), got.status == http.StatusForbidden, "%s %s", permission, action)
			if got.status == http.StatusForbidden {
				assert.JSONEq(t, `{"requestId":"`+got.RequestID+`","code":"AccessDenied","message":"Access denied."}`, got.body)
			}
		}
	}
}

func TestWhoIsNotKnownIsRefused(t *testing.T) {
	known := simulator.Config{Keys: []simulator.Key{
		{AccessKeyID: "ak", SecretAccessKey: "sk"}, {AccessKeyID: "sts", SecretAccessKey: "sk", SessionToken: "token"},
	}}
	for name, test := range map[string]struct {
		by   simulator.Key
		code string
	}{
		"right":            {simulator.Key{AccessKeyID: "ak", SecretAccessKey: "sk"}, ""},
		"unknown key":      {simulator.Key{AccessKeyID: "other", SecretAccessKey: "sk"}, "InvalidAccessKeyId"},
		"wrong secret":     {simulator.Key{AccessKeyID: "ak", SecretAccessKey: "other"}, "SignatureDoesNotMatch"},
		"right token":      {simulator.Key{AccessKeyID: "sts", SecretAccessKey: "sk", SessionToken: "token"}, ""},
		"wrong token":      {simulator.Key{AccessKeyID: "sts", SecretAccessKey: "sk", SessionToken: "other"}, "InvalidAccessKeyId"},
		"no token":         {simulator.Key{AccessKeyID: "sts", SecretAccessKey: "sk"}, "InvalidAccessKeyId"},
		"unexpected token": {simulator.Key{AccessKeyID: "ak", SecretAccessKey: "sk", SessionToken: "token"}, "InvalidAccessKeyId"},
	} {
		s := serve(t, known)
		assert.Equal(t, test.code, s.send(s.request(buying, postpaid, test.by)).Code, name)
		assert.Equal(t, test.code == "", len(s.Orders()) == 1, name)
	}
}
