package simulator

import "crypto/subtle"

// Permission is a policy that an access key was given.
type Permission string

// The documented policies, and NoPermission, which is the simulator's own.
const (
	FullControl    Permission = "QianfanFullControlAccessPolicy"
	ServiceOperate Permission = "QianfanServiceOperateAccessPolicy"
	ServiceRead    Permission = "QianfanServiceReadAccessPolicy" // may list, may not buy
	NoPermission   Permission = "NoPermission"                   // may do nothing
)

// Key is an access key that the Simulator knows.
type Key struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string     // if set, every request must carry and sign it
	Permission      Permission // empty means FullControl; an unknown one permits nothing
}

func (p Permission) allows(action string) bool {
	switch p {
	case FullControl, ServiceOperate, "":
		return true
	case ServiceRead:
		return action == actionDescribe
	default:
		return false
	}
}

// authenticate finds the key of the request and checks the signature with it.
func (s *Simulator) authenticate(x *exchange) *Refusal {
	auth, refusal := readAuthorization(x.r.Header)
	if refusal != nil {
		return refusal
	}
	key, known := s.keys[auth.accessKeyID]
	if !known {
		return refuse(codeInvalidAccessKeyID, "the access key is unknown")
	}
	if refusal := auth.verify(x.r, key.SecretAccessKey, x.now, s.config.ExpiryLeeway); refusal != nil {
		return refusal
	}
	token := x.r.Header.Get(headerToken)
	if subtle.ConstantTimeCompare([]byte(token), []byte(key.SessionToken)) != 1 {
		return invented(codeInvalidAccessKeyID, "%s is not the one of this access key", headerToken)
	}
	x.key = key
	return nil
}
