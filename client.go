package computeunit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// Version is this module's, as in CHANGELOG.md and in the User-Agent header.
const Version = "0.1.0"

const defaultEndpoint = "https://qianfan.baidubce.com"

// Client calls the compute unit API of Baidu Qianfan. It is immutable and safe for concurrent use; make one and share it: it
// keeps connections for a few seconds, and follows the service's clock. Nothing needs closing; see
// [Client.CloseIdleConnections]. The zero value is not usable: see [NewClient].
type Client struct {
	settings
	transport *transport.Transport
}

// Endpoint returns the address that requests go to, without a slash at its end.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Timeout returns the limit of one attempt: see [WithTimeout].
func (c *Client) Timeout() time.Duration { return c.timeout }

// CloseIdleConnections closes the connections that the client keeps for the next request. It may still be used. Those of a
// transport that [WithHTTPClient] gave it stay as they are: they are their owner's.
func (c *Client) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// Format prints the endpoint for every verb: without it %+v would go through fields that are in use.
func (c *Client) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "computeunit.Client(%v)", c.endpoint)
}

// settings are what options change. A Client keeps them as they are when it is made.
type settings struct {
	endpointText   string
	endpointSource string // who gave the text: an option, an environment variable; empty: it is the default
	endpoint       *url.URL
	httpClient     *http.Client
	clientIsNil    bool // although the option was given
	timeout        time.Duration
	maxAttempts    int
	logger         *slog.Logger
	hooks          []Hooks
	userAgent      string
	refusalCodes   []string
}

// Option changes a default of [NewClient], which fails if a value is invalid.
type Option func(*settings)

// NewClient makes a Client that signs with the credentials it is given. It sends nothing. The error says which argument is
// wrong, and repeats no part of it that could be a secret.
//
// A test must not spend money. In a test binary a Client without a Transport of its own sends through [http.DefaultTransport] if
// that was replaced, as httpmock.Activate does, unless its endpoint is a loopback address. What goes through net/http itself is
// refused at the default endpoint: a test of the real service says so with [WithEndpoint].
func NewClient(credentials CredentialsProvider, options ...Option) (*Client, error) {
	if credentials == nil {
		return nil, errors.New("computeunit: the credentials provider is nil: use StaticCredentials or EnvCredentials")
	}
	if static, ok := credentials.(staticCredentials); ok {
		if err := static().check("the access key id", "the secret access key"); err != nil {
			return nil, fmt.Errorf("computeunit: StaticCredentials: %w", err)
		}
	}
	s := settings{
		endpointText: defaultEndpoint,
		timeout:      30 * time.Second,
		maxAttempts:  3,
		logger:       slog.New(slog.DiscardHandler),
		userAgent:    "qianfan-go-computeunit/" + Version,
	}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("computeunit: an option is nil")
		}
		option(&s)
	}
	made, err := s.newTransport(credentials)
	if err != nil {
		return nil, fmt.Errorf("computeunit: %w", err)
	}
	return &Client{s, made}, nil
}

func (s *settings) newTransport(credentials CredentialsProvider) (*transport.Transport, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	guard := &testGuard{client: s.httpClient, host: s.endpoint.Hostname()}
	guard.defaultEndpoint = s.endpointSource != "WithEndpoint" &&
		strings.EqualFold("https://"+strings.TrimSuffix(guard.host, "."), defaultEndpoint)
	config := transport.Config{
		MaxAttempts: s.maxAttempts,
		UserAgent:   s.userAgent,
		Credentials: checked(credentials),
		Mock:        guard.mock,
	}
	switch credentials.(type) {
	case staticCredentials, envCredentials:
		config.Instant = true
	}
	if theirs := s.httpClient; theirs != nil {
		guard.had = theirs.Transport
		if config.RoundTripper = theirs.Transport; config.RoundTripper == nil && !loopback(guard.host) {
			config.RoundTripper = http.DefaultTransport // as net/http does
		}
		if theirs.Timeout > 0 {
			s.timeout = min(s.timeout, theirs.Timeout)
		}
	}
	config.Timeout = s.timeout
	return transport.New(config)
}

func (s *settings) check() (err error) {
	if s.endpoint, err = parseEndpoint(s.endpointText); err != nil {
		return fmt.Errorf("%s: %w", s.endpointSource, err)
	}
	for _, code := range s.refusalCodes {
		meansSuccess := slices.Contains([]string{"", "0", "ok", "success"}, strings.ToLower(code))
		if meansSuccess || isFailureInside(code) || code != strings.TrimSpace(code) {
			return fmt.Errorf("WithRefusalCodes: %q is blank, or means success or a failure inside the service: it does not refuse", code)
		}
	}
	switch {
	case s.clientIsNil:
		return errors.New("WithHTTPClient: the client is nil")
	case s.logger == nil:
		return errors.New("WithLogger: the logger is nil")
	case s.timeout <= 0:
		return fmt.Errorf("WithTimeout: %s is not more than zero", s.timeout)
	case s.maxAttempts < 1:
		return fmt.Errorf("WithMaxAttempts: %d is less than 1", s.maxAttempts)
	case strings.TrimSpace(s.userAgent) == "" || !printable(strings.ReplaceAll(s.userAgent, " ", "")):
		return fmt.Errorf("WithUserAgent: %q is blank or not printable ASCII", s.userAgent)
	}
	return nil
}

// NewClientFromEnv makes a Client from the environment variables QIANFAN_ACCESS_KEY, QIANFAN_SECRET_KEY and, if set,
// QIANFAN_CONSOLE_BASE_URL (the endpoint). It fails if a key is not set, or looks as if it was copied wrong (a newline at its
// end, quotes around it); the error names the variable and never the value. Options go before the environment. The keys are
// read again at every attempt: see [EnvCredentials].
func NewClientFromEnv(options ...Option) (*Client, error) {
	credentials := EnvCredentials()
	if _, err := credentials.Credentials(context.Background()); err != nil {
		return nil, fmt.Errorf("computeunit: %w", err)
	}
	return NewClient(credentials, append(slices.Clip(options), envEndpointOption)...)
}

// envEndpointOption comes last: what an option goes before is not even checked.
func envEndpointOption(s *settings) {
	if value := os.Getenv(envEndpoint); value != "" && s.endpointSource == "" {
		s.endpointText, s.endpointSource = value, envEndpoint
	}
}

// checked keeps the provider in a closure, so that printing a Client cannot show what it holds.
func checked(provider CredentialsProvider) func(context.Context) (bceauth.Credentials, error) {
	return func(ctx context.Context) (bceauth.Credentials, error) {
		c, err := provider.Credentials(ctx)
		if _, isEnv := provider.(envCredentials); err != nil && !isEnv { // waiting sets no variable
			err = retryable{withoutVerdict(err)}
		}
		if err == nil {
			err = c.check("the access key id", "the secret access key")
		}
		return bceauth.Credentials(c), err
	}
}

// WithEndpoint sends to another address: https, or http to a loopback address. A path is kept in front of the
// API's. The default is https://qianfan.baidubce.com. Plain http to any other host is refused, because the body
// of a request is not part of its signature: only TLS protects it.
func WithEndpoint(endpoint string) Option {
	return func(s *settings) { s.endpointText, s.endpointSource = endpoint, "WithEndpoint" }
}

// WithHTTPClient sends through a client of your own. Its Transport and its Timeout are used as they are at
// [NewClient], but that a test can still put a mock in the place of the Transport, as httpmock.ActivateNonDefault does; redirects
// are never followed and its cookie jar is not asked.
//
// A Transport that is an [*http.Transport] is cloned: the clone has its settings and connections of its own, and speaks
// HTTP/1.1 only. It has no protocol of RegisterProtocol or TLSNextProto, and it must not exclude HTTP/1. This is also the place for
// settings that you made on [http.DefaultTransport], such as your company's certificates: a client that is given none does not
// look there, and an http.Client{Transport: http.DefaultTransport} brings them. With DialTLSContext each connection is used once.
//
// Of any other Transport (a mock, a tracer, a retrier) this package cannot see what was sent: each of its errors
// is then [ErrOutcomeUnknown], a failed connection too.
//
// Do not give the client a transport that retries by itself. It is stopped before it orders twice if it is built on net/http or
// golang.org/x/net and keeps the request's context and its x-bce-request-id for each try. docs/outcomes.md has the details.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) { s.httpClient, s.clientIsNil = client, client == nil }
}

// WithTimeout limits each attempt: connecting, TLS, sending, and reading the whole response. The default is 30
// seconds. The context limits all attempts and the waits between them together.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.timeout = timeout }
}

// WithMaxAttempts limits how often a request is tried in all; 1 tries once. The default is 3. Whatever the
// number, a purchase is never sent again once its bytes may have left this machine, unless the service refused it.
func WithMaxAttempts(attempts int) Option {
	return func(s *settings) { s.maxAttempts = attempts }
}

// WithLogger writes records. The default is to write none. At debug there is one for each attempt, at info one for each purchase
// that was made, at warn one for each retry, at error one for each purchase (or Call) whose outcome is unknown; at warn, if package
// once makes the call and finds out. No record has a secret key or a signature in it; the error of an unknown outcome shows the
// beginning of a response that was not understood. Their attributes:
//
//	action             string    the API's, such as PurchaseComputeUnit
//	service_id         string    the service bought for; empty for Call
//	request_id         string    the service's, which Baidu's support asks for; empty if it named none
//	client_request_id  string    the x-bce-request-id that was sent with the attempt
//	attempt            int       how many attempts were made by then
//	status, duration             attempt: the HTTP status, 0 if no response came; how long it took
//	reason, wait                 retry: why; how long until the next attempt
//	outcome, error     string    outcome unknown: "outcome unknown", or "unknown" after Call; the cause
//	instance_id, order_id        bought: what was bought; one of them can be empty
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) { s.logger = logger }
}

// WithRefusalCodes adds to the documented error codes that refuse a purchase in a response with a 2xx status. The codes for a
// shortage of stock or balance are not documented: a purchase that ends in one is [ErrOutcomeUnknown] until somebody who has
// seen the code, and knows that nothing is bought with it, adds it here. It is compared byte for byte; an integer code by its
// digits. Blanks, 0, success and the codes of failures inside the service are refused. The error of a purchase says if this
// option decided it.
func WithRefusalCodes(codes ...string) Option {
	return func(s *settings) { s.refusalCodes = append(s.refusalCodes, codes...) }
}

// WithUserAgent replaces the User-Agent header, in printable ASCII.
func WithUserAgent(userAgent string) Option {
	return func(s *settings) { s.userAgent = userAgent }
}

// parseEndpoint repeats nothing of the text in its errors: a password may stand anywhere in a malformed URL.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawPath != "" || !printable(u.Host) || strings.ContainsAny(text, "?#"):
		return nil, errors.New("the endpoint must be like https://host or https://host:port/path: no password, no query, no escapes")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, errors.New("the endpoint's scheme must be https; http is for loopback addresses only, as the body is not signed")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// actionURL adds path and action to the endpoint.
func actionURL(endpoint *url.URL, path, action string) *url.URL {
	u := *endpoint
	u.Path += path
	u.RawQuery = "Action=" + url.QueryEscape(action)
	return &u
}
