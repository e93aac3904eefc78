package simulator

// describe lists the instances of a service.
func (s *Simulator) describe(x *exchange) {
	read, refusal := readDescribe(x.body)
	if refusal != nil {
		x.refuse(refusal)
		return
	}
	fault := s.readFault(read)
	if err := fault.validKind(); err != nil {
		x.refuse(invented(CodeInvalidFault, "%v", err))
		return
	}
	if refusal := s.hold(x, fault); refusal != nil {
		x.refuse(refusal)
		return
	}
	instances := s.ledger.instances(read.ServiceID, read.PaymentTiming, x.now)
	fault.When = AfterOrder // a listing writes nothing, so its answer is always a true one
	fault.answer(x, encode(describeAnswer{RequestID: x.requestID, Result: describeResult{instances}}))
}

// readFault is what this listing meets: an injected fault, or else what Config says.
func (s *Simulator) readFault(read Read) Fault {
	read.Attempt = s.ledger.count(s.ledger.reads, read.ServiceID)
	if fault, waits := s.readFaults.take(); waits {
		return fault
	}
	if s.config.ReadFault == nil {
		return Fault{}
	}
	return s.config.ReadFault(read).at(read.Attempt)
}

func readDescribe(body []byte) (Read, *Refusal) {
	reader := &bodyReader{}
	document := reader.document(body)
	read := Read{ServiceID: serviceID(document)}
	if document.has("paymentTiming") {
		read.PaymentTiming = document.oneOf("paymentTiming", Prepaid, Postpaid)
	}
	return read, reader.refusal
}
