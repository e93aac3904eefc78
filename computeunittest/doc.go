// Package computeunittest is a stand-in for the Qianfan compute unit service, for tests, in the manner of
// net/http/httptest: it listens on loopback, checks signatures, keeps a ledger of orders and releases, and misbehaves on
// demand.
//
//	server := computeunittest.NewServer()
//	defer server.Close()
//	server.NextPurchases(computeunittest.LoseAnswer()) // an order is made, and its answer is lost
//
//	_, err := server.Client().PurchaseComputeUnit(ctx, request) // computeunit.ErrOutcomeUnknown
//	fmt.Println(len(server.Orders()))                           // 1
//
// In a testing/synctest bubble it works the same in memory, with the bubble's clock: purchases, waits for a Retry-After,
// time-outs of the client and package once take no time. Make the server and its clients in the bubble, and close it there.
//
// It is written from Baidu's public documentation. Documented are the three actions (purchase, listing, release) with the
// fields of their requests and answers, the signature, the permissions, and the body and the codes of an error. Observed are
// the gateway's own answers: 404 ResourceNotFound to an unknown path, before the signature is looked at, and 400
// SignatureEmpty to a request without Authorization. Invented is everything else that had to be decided, because no page
// says it: all messages but "Access denied.", which documented code goes with which mistake, the codes and the statuses for
// a shortage of stock and of balance, prices, the time until an instance is listed or runs, how far clocks may differ, that
// the same request sent twice buys twice at once, what is answered to a release of an instance that is Prepaid or was
// released before, and that a released instance is not listed any more. A refusal for an invented rule has a message that
// begins with "simulator: ", or a code that begins with "Simulator".
//
// So a test that passes here shows what your code does with such an answer. It never proves how the real service behaves.
package computeunittest
