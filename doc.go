// Package computeunit buys compute unit instances (算力单元实例) for a model service on Baidu Qianfan (百度千帆). It is a
// thin, typed client for one call that spends money, PurchaseComputeUnit, and for what one needs around it.
//
// # The promise
//
// Every purchase ends in exactly one of three outcomes, and the outcome is true:
//
//   - A nil error: bought. The service said so, and named an instance or an order.
//   - [ErrNotPurchased]: nothing was bought. That is certain. Correct what the error names, and buy again.
//   - [ErrOutcomeUnknown]: an order may exist. Look before buying again.
//
// No idempotency token is documented for this call: a request that is sent twice can buy twice. So a purchase is
// never sent again once its bytes may have left this machine, unless the service's answer refused it: not by this
// package, not by net/http underneath, not by a redirect.
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
// # Where to look next
//
//   - How to pay: [Prepaid], [Billing.WithAutoRenew], [Postpaid], [PostpaidUntil].
//   - Why it failed: [PurchaseError] has a [*ValidationError], an [*APIError] or the transport's error as its cause.
//   - After an unknown outcome: [Client.DescribeComputeUnits] before the purchase, [Client.Reconcile] after it.
//   - Until the units work: [Client.WaitUntilRunning].
//   - Keys, limits, logs: [NewClient] and its options; [CredentialsProvider] for keys that rotate.
//   - Other actions of the API: [Client.Call].
//   - Tests of your own: give your service an interface with the methods that it calls, or give
//     [WithHTTPClient] a mock. The README shows both.
package computeunit
