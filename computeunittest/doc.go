// Package computeunittest is a stand-in for the Qianfan compute unit service, for tests, in the manner of
// net/http/httptest: it listens on loopback, checks signatures, keeps a ledger of orders, and misbehaves on demand.
//
//	server := computeunittest.NewServer()
//	defer server.Close()
//	server.NextPurchases(computeunittest.LoseAnswer()) // an order is made, and its answer is lost
//
//	_, err := server.Client().PurchaseComputeUnit(ctx, request) // computeunit.ErrOutcomeUnknown
//	fmt.Println(len(server.Orders()))                           // 1
//
// It is written from Baidu's public documentation. Documented are the two actions with the fields of their requests and
// answers, the signature, the permissions, and the body and the codes of an error. Observed are the gateway's own
// answers: 404 ResourceNotFound to an unknown path, before the signature is looked at, and 400 SignatureEmpty to a
// request without Authorization. Invented is everything else that had to be decided, because no page says it: all
// messages but "Access denied.", which documented code goes with which mistake, the codes and the statuses for a shortage of
// stock and of balance, prices, the time until an instance is listed or runs, how far clocks may differ, and that the
// same request sent twice buys twice at once. A refusal for an invented rule has a message that begins with
// "simulator: ", or a code that begins with "Simulator".
//
// So a test that passes here shows what your code does with such an answer. It never proves how the real service behaves.
package computeunittest
