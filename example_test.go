package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

// The examples buy from a stand-in for the service on loopback. With computeunit.NewClientFromEnv instead of
// server.Client the same code buys from the real one.

// fiveMonths is what the documentation of the call buys.
var fiveMonths = computeunit.PurchaseComputeUnitRequest{
	ServiceID:     "svco-48esssdpa594",
	Billing:       computeunit.Prepaid(5),
	ReplicasCount: 5,
}

// The three outcomes of a purchase.
func Example() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Fault{}, computeunittest.Denied(), computeunittest.LoseAnswer())
	client := server.Client()

	for range 3 {
		_, err := client.PurchaseComputeUnit(context.Background(), fiveMonths)
		switch {
		case err == nil:
			fmt.Println("bought")
		case errors.Is(err, computeunit.ErrNotPurchased):
			fmt.Println("nothing was bought: it is safe to try again")
		default: // computeunit.ErrOutcomeUnknown
			fmt.Println("an order may exist: look before buying again")
		}
	}
	// Output:
	// bought
	// nothing was bought: it is safe to try again
	// an order may exist: look before buying again
}

// One switch with three cases is a whole worker that takes jobs from a queue.
func Example_worker() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Throttled(0), computeunittest.Fault{}, computeunittest.LoseAnswer(), computeunittest.Denied())
	client := server.Client(computeunit.WithMaxAttempts(1))

	for range 4 {
		_, err := client.PurchaseComputeUnit(context.Background(), fiveMonths)
		switch {
		case err == nil:
			fmt.Println("done")
		case errors.Is(err, computeunit.ErrRetryable):
			fmt.Println("nothing was bought, and later it may work: put the job back for a while")
		default:
			fmt.Println("for a person, or a bug: park the job with the error")
		}
	}
	// Output:
	// nothing was bought, and later it may work: put the job back for a while
	// done
	// for a person, or a bug: park the job with the error
	// for a person, or a bug: park the job with the error
}

// Bought: the error is nil, and there is an instance or an order to name.
func ExampleClient_PurchaseComputeUnit() {
	server := computeunittest.NewServer()
	defer server.Close()

	bought, err := server.Client().PurchaseComputeUnit(context.Background(), computeunit.PurchaseComputeUnitRequest{
		ServiceID:     "svco-48esssdpa594",
		Billing:       computeunit.Prepaid(5),
		ReplicasCount: 5,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("instance:", bought.Result.InstanceID != "")
	fmt.Println("order:", bought.Result.OrderID != "")
	// Output:
	// instance: true
	// order: true
}

func ExampleClient_DescribeComputeUnits() {
	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	_, _ = client.PurchaseComputeUnit(ctx, fiveMonths)

	listing, err := client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48esssdpa594"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, instance := range listing.Result.Instances {
		fmt.Println(instance.PaymentTiming, instance.ReplicasCount, instance.Status)
	}
	// Output: Prepaid 5 Running
}

// Until the units of a purchase work. Give the context a deadline.
func ExampleClient_WaitUntilRunning() {
	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	bought, err := client.PurchaseComputeUnit(ctx, fiveMonths)
	if err != nil {
		fmt.Println(err)
		return
	}

	instance, err := client.WaitUntilRunning(ctx, fiveMonths.ServiceID, bought.Result.InstanceID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(instance.Status)
	// Output: Running
}

func ExampleClient_WaitUntilRunningFunc() {
	server := computeunittest.NewServer()
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())

	_, err := server.Client().WaitUntilRunningFunc(ctx, "svco-48esssdpa594", "i-1", func(status computeunit.InstanceStatus, _ time.Duration) {
		fmt.Printf("status %q\n", status) // empty: not listed
		cancel()                          // or a deadline ends it
	})
	fmt.Println(err)
	// Output:
	// status ""
	// computeunit: waiting for instance "i-1" of service "svco-48esssdpa594", never listed: context canceled
}

// A mock of one response. The stand-in of package computeunittest serves this action too.
func ExampleClient_ReleaseComputeUnit() {
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder(http.MethodPost, "https://qianfan.baidubce.com/v2/serviceresources?Action=ReleaseComputeUnit",
		httpmock.NewStringResponder(http.StatusOK, `{"requestId":"r-1","result":true}`))
	client, err := computeunit.NewClient(computeunit.StaticCredentials("your-access-key", "your-secret-key"),
		computeunit.WithHTTPClient(&http.Client{Transport: mock}))
	if err != nil {
		fmt.Println(err)
		return
	}

	err = client.ReleaseComputeUnit(context.Background(), computeunit.ReleaseComputeUnitRequest{
		ServiceID: "svco-48esssdpa594", InstanceID: "44961088fxxxx9e9379f5daf",
	})
	fmt.Println(err)
	// Output: <nil>
}

// Any other action of the API, with types of your own. Here it is one that has a typed method too.
func ExampleClient_Call() {
	server := computeunittest.NewServer()
	defer server.Close()

	request := map[string]string{"serviceId": "svco-48esssdpa594"}
	var answer struct {
		Result struct {
			Instances []struct{ InstanceID string } `json:"instances"`
		} `json:"result"`
	}
	err := server.Client().Call(context.Background(), "/v2/serviceresources", "DescribeComputeUnits", request, &answer)
	fmt.Println(len(answer.Result.Instances), err)
	// Output: 0 <nil>
}

func ExampleClient_Endpoint() {
	server := computeunittest.NewServer()
	defer server.Close()

	fmt.Println(server.Client().Endpoint() == server.URL)
	// Output: true
}

func ExampleClient_Timeout() {
	server := computeunittest.NewServer()
	defer server.Close()

	fmt.Println(server.Client().Timeout())
	// Output: 30s
}

// A program that has bought for the last time need not wait until idle connections close by themselves.
func ExampleClient_CloseIdleConnections() {
	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()

	_, err := client.PurchaseComputeUnit(context.Background(), fiveMonths)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleNewClient() {
	_, err := computeunit.NewClient(
		computeunit.StaticCredentials("your-access-key", "your-secret-key"),
		computeunit.WithTimeout(10*time.Second),
		computeunit.WithMaxAttempts(5),
	)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleNewClientFromEnv() {
	os.Unsetenv("QIANFAN_ACCESS_KEY")

	_, err := computeunit.NewClientFromEnv()
	fmt.Println(err)
	// Output: computeunit: the environment variable QIANFAN_ACCESS_KEY is not set, or has a character in it that such a key cannot have, such as a blank or a quote
}

func ExampleStaticCredentials() {
	provider := computeunit.StaticCredentials("your-access-key", "your-secret-key")

	credentials, err := provider.Credentials(context.Background())
	fmt.Println(credentials.AccessKeyID == "your-access-key", err)
	fmt.Printf("%+v\n", credentials)
	// Output:
	// true <nil>
	// computeunit.Credentials(redacted)
}

// The keys are read at every attempt, so they can change while the client lives.
func ExampleEnvCredentials() {
	os.Setenv("QIANFAN_ACCESS_KEY", "your-access-key")
	os.Setenv("QIANFAN_SECRET_KEY", "your-secret-key")
	provider := computeunit.EnvCredentials()

	_, err := provider.Credentials(context.Background())
	fmt.Println(err)
	os.Unsetenv("QIANFAN_SECRET_KEY")
	_, err = provider.Credentials(context.Background())
	fmt.Println(err)
	// Output:
	// <nil>
	// the environment variable QIANFAN_SECRET_KEY is not set, or has a character in it that such a key cannot have, such as a blank or a quote
}

// temporary provides keys that some other service of yours hands out.
type temporary struct{}

func (temporary) Credentials(context.Context) (computeunit.Credentials, error) {
	return computeunit.Credentials{AccessKeyID: "temporary", SecretAccessKey: "secret", SessionToken: "token"}, nil
}

// A provider of your own is asked at every attempt: temporary keys can rotate.
func ExampleCredentialsProvider() {
	_, err := computeunit.NewClient(temporary{})
	fmt.Println(err)
	// Output: <nil>
}

// Plain http is for loopback only: the body of a request is not signed.
func ExampleWithEndpoint() {
	credentials := computeunit.StaticCredentials("your-access-key", "your-secret-key")

	_, err := computeunit.NewClient(credentials, computeunit.WithEndpoint("http://127.0.0.1:8080"))
	fmt.Println(err)
	_, err = computeunit.NewClient(credentials, computeunit.WithEndpoint("http://qianfan.baidubce.com"))
	fmt.Println(err)
	// Output:
	// <nil>
	// computeunit: WithEndpoint: the endpoint's scheme must be https; http is for loopback addresses only, as the body is not signed
}

// A proxy of your own. If the transport is an *http.Transport, a failed connection is still known for what it
// is: nothing was bought.
func ExampleWithHTTPClient() {
	own := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}

	_, err := computeunit.NewClient(computeunit.EnvCredentials(), computeunit.WithHTTPClient(own))
	fmt.Println(err)
	// Output: <nil>
}

// The limit is for one attempt. The context limits all of them together.
func ExampleWithTimeout() {
	_, err := computeunit.NewClient(computeunit.EnvCredentials(), computeunit.WithTimeout(10*time.Second))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWithMaxAttempts() {
	_, err := computeunit.NewClient(computeunit.EnvCredentials(), computeunit.WithMaxAttempts(0))
	fmt.Println(err)
	// Output: computeunit: WithMaxAttempts: 0 is less than 1
}

func ExampleWithLogger() {
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "request_id", "client_request_id", "error":
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Answer(http.StatusBadGateway, ""))
	client := server.Client(computeunit.WithLogger(logger))

	_, _ = client.PurchaseComputeUnit(context.Background(), fiveMonths)
	// Output:
	// level=ERROR msg="computeunit: outcome unknown" action=PurchaseComputeUnit service_id=svco-48esssdpa594 attempt=1 outcome="outcome unknown"
}

// A code that a team has seen, and knows to refuse: without the option, an answer with it is an unknown outcome.
func ExampleWithRefusalCodes() {
	server := computeunittest.NewServer()
	defer server.Close()
	soldOut := computeunittest.Answer(http.StatusOK, `{"requestId":"{requestId}","code":"SoldOut"}`)
	server.NextPurchases(soldOut, soldOut)

	_, err := server.Client().PurchaseComputeUnit(context.Background(), fiveMonths)
	fmt.Println(errors.Is(err, computeunit.ErrOutcomeUnknown))
	_, err = server.Client(computeunit.WithRefusalCodes("SoldOut")).PurchaseComputeUnit(context.Background(), fiveMonths)
	fmt.Println(errors.Is(err, computeunit.ErrNotPurchased))
	// Output:
	// true
	// true
}

// Metrics of every call of a client.
func ExampleWithHooks() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Throttled(0))
	client := server.Client(computeunit.WithHooks(computeunit.Hooks{
		AfterAttempt: func(_ context.Context, a computeunit.AttemptInfo, _ error) error {
			fmt.Println(a.Action, a.StatusCode, a.Duration > 0)
			return nil
		},
	}))

	_, _ = client.PurchaseComputeUnit(context.Background(), fiveMonths)
	_, _ = client.DescribeComputeUnits(context.Background(), computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48esssdpa594"})
	// Output:
	// PurchaseComputeUnit 429 true
	// PurchaseComputeUnit 200 true
	// DescribeComputeUnits 200 true
}

// Hooks of one call: here the first attempt is throttled, and the client tries again.
func ExampleContextWithHooks() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Throttled(0))

	ctx := computeunit.ContextWithHooks(context.Background(), computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			fmt.Println("attempt", a.Number, "of", a.Action, "for", a.ServiceID)
			return nil // an error would keep the attempt from being sent
		},
		AfterAttempt: func(_ context.Context, _ computeunit.AttemptInfo, err error) error {
			fmt.Println("throttled:", errors.Is(err, computeunit.ErrThrottled))
			return nil // an error would keep the client from trying again
		},
	})
	_, err := server.Client().PurchaseComputeUnit(ctx, fiveMonths)
	fmt.Println(err)
	// Output:
	// attempt 1 of PurchaseComputeUnit for svco-48esssdpa594
	// throttled: true
	// attempt 2 of PurchaseComputeUnit for svco-48esssdpa594
	// throttled: false
	// <nil>
}

func ExampleWithUserAgent() {
	_, err := computeunit.NewClient(computeunit.EnvCredentials(), computeunit.WithUserAgent("my-service/1.2"))
	fmt.Println(err)
	// Output: <nil>
}

func ExamplePrepaid() {
	body, err := computeunit.Prepaid(5).MarshalJSON()
	fmt.Println(string(body), err)
	// Output: {"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}} <nil>
}

func ExampleBilling_WithAutoRenew() {
	body, err := computeunit.Prepaid(5).WithAutoRenew(1).MarshalJSON()
	fmt.Println(string(body), err)
	// Output: {"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5,"autoRenew":true,"autoRenewTimeUnit":"Month","autoRenewTime":1}} <nil>
}

func ExamplePostpaid() {
	body, err := computeunit.Postpaid().MarshalJSON()
	fmt.Println(string(body), err)
	// Output: {"paymentTiming":"Postpaid"} <nil>
}

func ExamplePostpaidUntil() {
	newYear := time.Date(2030, time.January, 1, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60))

	body, err := computeunit.PostpaidUntil(newYear).MarshalJSON()
	fmt.Println(string(body), err)
	// Output: {"paymentTiming":"Postpaid","releaseTime":"2030-01-01T00:00:00+08:00"} <nil>
}

// The documentation shows two forms. The one without a zone is read as China Standard Time.
func ExampleParseReleaseTime() {
	for _, text := range []string{"2030-01-25T12:30:30+08:00", "2030-01-25 12:30:30"} {
		release, err := computeunit.ParseReleaseTime(text)
		fmt.Println(release.UTC(), err)
	}
	// Output:
	// 2030-01-25 04:30:30 +0000 UTC <nil>
	// 2030-01-25 04:30:30 +0000 UTC <nil>
}

// All violations are listed at once. PurchaseComputeUnit checks the same before anything is sent.
func ExamplePurchaseComputeUnitRequest_Validate() {
	err := computeunit.PurchaseComputeUnitRequest{Billing: computeunit.Prepaid(13), ReplicasCount: 1}.Validate()
	var invalid *computeunit.ValidationError
	if errors.As(err, &invalid) {
		for _, violation := range invalid.Violations {
			fmt.Println(violation)
		}
	}
	// Output:
	// serviceId must not be blank, and be valid UTF-8 (found "")
	// billing.reservation.reservationLength must be 1 to 12 (found 13)
}

func ExampleDescribeComputeUnitsRequest_Validate() {
	fmt.Println(computeunit.DescribeComputeUnitsRequest{}.Validate())
	// Output: invalid request: serviceId must not be blank, and be valid UTF-8 (found "")
}

func ExampleReleaseComputeUnitRequest_Validate() {
	fmt.Println(computeunit.ReleaseComputeUnitRequest{ServiceID: "svco-48esssdpa594"}.Validate())
	// Output: invalid request: instanceId must not be blank, and be valid UTF-8 (found "")
}

// What to keep of an unknown outcome: the response was lost.
func ExampleOutcomeError() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.LoseAnswer())

	_, err := server.Client().PurchaseComputeUnit(context.Background(), fiveMonths)
	var failed *computeunit.OutcomeError
	if errors.As(err, &failed) {
		fmt.Println(failed.Outcome, "for", failed.ServiceID, "after attempt", failed.Attempts)
		fmt.Println("a request id for the support:", failed.RequestID != "")
	}
	// Output:
	// outcome unknown for svco-48esssdpa594 after attempt 1
	// a request id for the support: true
}

// Why the service refused.
func ExampleAPIError() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Denied())

	_, err := server.Client().PurchaseComputeUnit(context.Background(), fiveMonths)
	fmt.Println("no permission:", errors.Is(err, computeunit.ErrAccessDenied))
	var refusal *computeunit.APIError
	if errors.As(err, &refusal) {
		fmt.Println(refusal)
	}
	// Output:
	// no permission: true
	// the service answered HTTP 403 Forbidden, code "AccessDenied", message "Access denied."
}
