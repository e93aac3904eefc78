package simulator

// release ends a Postpaid instance, unless a fault comes before it.
func (s *Simulator) release(x *exchange) *Refusal {
	var body struct{ ServiceID, InstanceID string }
	refusal := x.decode(&body)
	switch {
	case refusal != nil:
		return refusal
	case isBlank(body.ServiceID), isBlank(body.InstanceID):
		return wrong("serviceId and instanceId are required")
	}
	x.instanceID = body.InstanceID
	return s.perform(x, x.action.next(Request{ServiceID: body.ServiceID}), func(done bool) (any, *Refusal) {
		if !done {
			return true, nil
		}
		return true, s.ledger.release(Release{
			body.ServiceID, body.InstanceID, x.requestID, x.r.Header.Get("X-Bce-Request-Id"), x.key.AccessKeyID, x.now,
		})
	})
}
