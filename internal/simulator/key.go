package simulator

import "crypto/subtle"

// The key that a Simulator knows if Config names none.
const (
	DefaultAccessKeyID     = "simulator-access-key"
	DefaultSecretAccessKey = "simulator-secret-key"
)

// Key is an access key that the Simulator knows.
type Key struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // if set, each request must carry and sign it
}

// authenticate finds the key of the request and checks the signature with it.
func (s *Simulator) authenticate(x *exchange) *Refusal {
	auth, refusal := readAuthorization(x.r.Header)
	if refusal != nil {
		return refusal
	}
	for _, key := range s.config.Keys {
		if key.AccessKeyID == auth.accessKeyID {
			x.key = key
		}
	}
	if x.key.AccessKeyID == "" {
		return refuse(codeInvalidAccessKeyID, "the access key is unknown")
	}
	if refusal := auth.verify(x.r, x.key.SecretAccessKey, x.now, s.config.ExpiryLeeway); refusal != nil {
		return refusal
	}
	if subtle.ConstantTimeCompare([]byte(x.r.Header.Get(headerToken)), []byte(x.key.SessionToken)) != 1 {
		return invented(codeInvalidAccessKeyID, "%s is not the one of this access key", headerToken)
	}
	return nil
}
