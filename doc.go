// Package computeunit buys compute unit instances (算力单元实例) for a model service on Baidu Qianfan (百度千帆). It is a thin,
// typed client for one call that spends money, PurchaseComputeUnit, and for what is needed around it.
//
// # The promise
//
// Every purchase ends in exactly one of three outcomes, and the outcome is true:
//
//   - A nil error: bought. The service said so, and named an instance or an order.
//   - [ErrNotPurchased]: nothing was bought. That is certain. Correct what the error names, and buy again.
//   - [ErrOutcomeUnknown]: an order may exist. Do not buy again before somebody, or package once, has found out.
//
// No idempotency token is documented for this call: a request that is sent twice can buy twice. So a purchase is never sent
// again once its bytes may have left this machine, unless the service's response proves that it was refused: not by this
// package, not by net/http underneath, not by a redirect. The whole table is in docs/outcomes.md.
//
// # A first purchase
//
//	client, err := computeunit.NewClientFromEnv() // QIANFAN_ACCESS_KEY, QIANFAN_SECRET_KEY
//	if err != nil {
//		return err
//	}
//	bought, err := client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
//		ServiceID:     "svco-48esssdpa594",
//		Billing:       computeunit.Prepaid(1), // one month
//		ReplicasCount: 1,
//	})
//	switch {
//	case err == nil:
//		log.Print("bought ", bought.Result.InstanceID)
//	case errors.Is(err, computeunit.ErrNotPurchased):
//		log.Print("nothing was bought: ", err)
//	default: // computeunit.ErrOutcomeUnknown
//		log.Print("an order may exist: ", err)
//	}
//
// # In a test
//
// A test must not spend money. In a test binary a Client sends through [http.DefaultTransport] if something replaced it, and
// refuses to buy at the default endpoint if nothing did:
//
//	httpmock.Activate(t)
//	httpmock.RegisterResponder("POST", "https://qianfan.baidubce.com/v2/serviceresources?Action=PurchaseComputeUnit",
//		httpmock.NewStringResponder(403, `{"requestId":"r-1","code":"AccessDenied","message":"Access denied."}`))
//	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"))
//	require.NoError(t, err)
//	_, err = client.PurchaseComputeUnit(t.Context(), request)
//	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
//
// Package computeunittest has a stand-in for the service, with a ledger and faults by name. docs/testing.md shows each way.
//
// # Where to look next
//
//   - How to pay: [Prepaid], [Billing.WithAutoRenew], [Postpaid], [PostpaidUntil].
//   - Why it failed: [OutcomeError] has a [*ValidationError], an [*APIError] or the transport's error as its cause.
//   - After an unknown outcome, and for a purchase that must survive a crash: package once.
//   - Until the units work: [Client.WaitUntilRunning].
//   - Keys, limits, logs: [NewClient] and its options; [CredentialsProvider] for keys that rotate; [WithTrace] for hooks.
//   - Other actions of the API, such as ReleaseComputeUnit: [Client.Call].
//
// # The way of a purchase through the files
//
//  1. validate.go: the documented rules, before anything is sent.
//  2. purchase.go: PurchaseComputeUnit, from the request to the response, and what counts as an id in it.
//  3. send.go: what every action shares: encode, run the attempts, ask for the verdict, call the trace, make the error.
//  4. internal/transport/transport.go: attempt after attempt, as each verdict says; backoff.go and clock.go beside
//     it.
//  5. internal/transport/attempt.go: one attempt: credentials, signature (internal/bceauth/sign.go), the hook before, one HTTP
//     request.
//  6. internal/transport/conn.go: the default transport and its connections: how long they stay idle, TLS, proxy.go;
//     gate.go: did a byte leave? conncheck_unix.go: is the idle connection still open? stray.go, permanent.go: unsolicited
//     responses, permanent errors. route.go, replay.go: only for mocks and callers' transports.
//  7. response.go: what every response has around its result: codes, message, request id, read without ambiguity
//     (internal/strictjson). The result itself is read by its action: purchase.go, instances.go.
//  8. outcome.go: the outcome table as code, row for row: the verdict; the lists of statuses and codes; when a listing is tried
//     again.
//  9. errors.go: what the caller gets if nothing was bought, or if it is unknown; the families of codes; log.go: what the log
//     gets. internal/bceauth/redact.go takes secrets out of all of it.
//
// # The other files
//
// client.go has the Client, its options and the endpoint; auth.go the credentials; types.go every request and response type;
// instances.go listing, how an instance is read from the response, and waiting; call.go other actions; trace.go the hooks.
// Each file's tests stand beside it.
//
// Package once is the durable purchase, and computeunittest the stand-in service for tests. Its engine is internal/simulator:
// faultcatalogue.go lists every fault with its true outcome, fault.go names the kinds, faultanswer.go and faultconnection.go
// perform them. internal/proof has what make runs: campaign, bench, soak, weight. docs/ has a page for each subject.
package computeunit
