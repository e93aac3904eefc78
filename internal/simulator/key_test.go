package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

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
