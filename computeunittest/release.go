package computeunittest

// release ends a Postpaid instance, unless a fault comes before it.
func (s *Server) release(x *exchange) *refusal {
	var body struct{ ServiceID, InstanceID string }
	if refusal := x.decode(&body); refusal != nil {
		return refusal
	}
	if isBlank(body.ServiceID) || isBlank(body.InstanceID) {
		return wrong("serviceId and instanceId are required")
	}
	x.instanceID = body.InstanceID
	fault := s.releases.next(body.ServiceID, func(int) Fault { return Fault{} })
	return x.perform(fault, true, func() *refusal {
		return s.ledger.release(Release{
			body.ServiceID, body.InstanceID, x.requestID, x.r.Header.Get(headerRequestID), x.key.AccessKeyID, x.now,
		})
	})
}
