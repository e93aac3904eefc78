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
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/strictjson"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// Version is this module's, as in CHANGELOG.md and in the User-Agent header.
const Version = "0.1.0"

// Defaults that the options change.
const (
	defaultEndpoint    = "https://qianfan.baidubce.com"
	defaultTimeout     = 30 * time.Second
	defaultMaxAttempts = 3
	defaultUserAgent   = "qianfan-go-computeunit/" + Version
)

// Client calls the compute unit API of Baidu Qianfan. It is immutable and safe for concurrent use; make one and share it: it
// keeps connections for a few seconds, and the difference to the service's clock. Nothing needs closing; see
// [Client.CloseIdleConnections]. The zero value is not usable: see [NewClient].
type Client struct {
	transport    *transport.Transport
	endpoint     *url.URL
	purchaseURL  *url.URL
	describeURL  *url.URL
	logger       *slog.Logger
	refusalCodes []string
}

// Endpoint returns the address that requests go to, without a slash at its end.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Timeout returns the limit of one attempt: see [WithTimeout].
func (c *Client) Timeout() time.Duration { return c.transport.Timeout() }

// CloseIdleConnections closes the connections that the client keeps for the next request. It may still be used. If
// [WithHTTPClient] gave it a transport, that one's connections stay as they are: they are their owner's.
func (c *Client) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// String returns a short text with the endpoint.
func (c *Client) String() string {
	if c == nil || c.endpoint == nil {
		return "computeunit.Client()"
	}
	return "computeunit.Client(" + c.endpoint.String() + ")"
}

// Format prints the same for every verb: without it %+v would go through fields that are in use.
func (c *Client) Format(state fmt.State, _ rune) { fmt.Fprint(state, c.String()) }

// LogValue is what slog logs: the same as [Client.String].
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// settings are what options change before a Client exists.
type settings struct {
	endpoint      *url.URL
	endpointNamed bool // by the caller, and not only by an environment that repeats the default
	httpClient    *http.Client
	timeout       time.Duration
	maxAttempts   int
	logger        *slog.Logger
	userAgent     string
	refusalCodes  []string
}

// Option changes a default of [NewClient]. NewClient fails if one gets a nil or invalid value.
type Option func(*settings) error

// NewClient makes a Client that signs with the credentials it is given. It sends nothing. The error says which argument is
// wrong, and repeats no part of it that could be a secret.
//
// A test must not spend money. In a test binary a Client without [WithHTTPClient] sends through
// [http.DefaultTransport] if that was replaced, as httpmock.Activate does; if it was not, a purchase at the default endpoint
// is refused, also with an http.Client that has no Transport. A test of the real service says so with [WithEndpoint].
func NewClient(credentials CredentialsProvider, options ...Option) (*Client, error) {
	if credentials == nil {
		return nil, errors.New("computeunit: the credentials provider is nil: use StaticCredentials or EnvCredentials")
	}
	s := settings{timeout: defaultTimeout, maxAttempts: defaultMaxAttempts, logger: slog.New(slog.DiscardHandler), userAgent: defaultUserAgent}
	s.endpoint, _ = parseEndpoint(defaultEndpoint)
	for _, option := range options {
		if option == nil {
			return nil, errors.New("computeunit: an option is nil")
		}
		if err := option(&s); err != nil {
			return nil, fmt.Errorf("computeunit: %w", err)
		}
	}
	return &Client{
		endpoint:     s.endpoint,
		purchaseURL:  actionURL(s.endpoint, servicePath, purchaseAction),
		describeURL:  actionURL(s.endpoint, servicePath, describeAction),
		logger:       s.logger,
		refusalCodes: append(slices.Clip(documentedRefusals), s.refusalCodes...),
		transport: transport.New(transport.Config{
			Client:          s.httpClient,
			Timeout:         s.timeout,
			MaxAttempts:     s.maxAttempts,
			UserAgent:       s.userAgent,
			Credentials:     checked(credentials),
			Testing:         isTest,
			DefaultEndpoint: !s.endpointNamed,
			Replaced:        logReplaced(s.logger),
		}),
	}, nil
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

// envEndpointOption comes last: what an option goes before is not even checked. It does not count as naming the default
// endpoint: a test must not spend money because its environment repeats what is the default anyway.
func envEndpointOption(s *settings) error {
	value := os.Getenv(envEndpoint)
	if value == "" || s.endpointNamed {
		return nil
	}
	if err := checkEnv(envEndpoint, value); err != nil {
		return err
	}
	endpoint, err := parseEndpoint(value)
	if err != nil {
		return fmt.Errorf("%s: %w", envEndpoint, err)
	}
	host := strings.TrimSuffix(endpoint.Hostname(), ".")
	s.endpoint, s.endpointNamed = endpoint, !strings.EqualFold("https://"+host, defaultEndpoint)
	return nil
}

// checked keeps the provider in a closure, so that printing a Client cannot show what it holds.
func checked(provider CredentialsProvider) func(context.Context) (bceauth.Credentials, error) {
	return func(ctx context.Context) (bceauth.Credentials, error) {
		c, err := provider.Credentials(ctx)
		if err == nil {
			err = c.check()
		}
		return bceauth.Credentials(c), err
	}
}

// WithEndpoint sends to another address: https, or http to a loopback address. A path is kept in front of the
// API's. The default is https://qianfan.baidubce.com. Plain http to any other host is refused, because the body
// of a request is not part of its signature: only TLS protects it.
func WithEndpoint(endpoint string) Option {
	return func(s *settings) (err error) {
		s.endpoint, err = parseEndpoint(endpoint)
		s.endpointNamed = true
		return err
	}
}

// WithHTTPClient sends through a client of your own. It is copied: later changes to it have no effect, but that
// a test may still put a mock in the place of its Transport, as httpmock.ActivateNonDefault does. Its Transport and its Timeout
// are used; redirects are never followed and its cookie jar is not asked.
//
// If its Transport is not an [*http.Transport] (a mock, a tracer, a retrier), or has a protocol of your own in TLSNextProto,
// this package cannot see what was sent: each of its errors is then [ErrOutcomeUnknown], a failed connection too.
//
// A transport that sends again by itself is stopped before it orders twice if it is built on net/http or golang.org/x/net and
// keeps the request's context and its x-bce-request-id for each try: the connection is closed, which over HTTP/2 makes other
// requests on it fail too. One that gives a try a context or a request id of its own, or is built on something else, is not
// stopped, and can order twice: do not give the client a transport that retries. docs/outcomes.md has the details.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		s.httpClient = client // transport.New copies it
		return nil
	}
}

// WithTimeout limits each attempt: connecting, TLS, sending, and reading the whole response. The default is 30
// seconds. The context limits all attempts and the waits between them together.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) error {
		if timeout <= 0 {
			return fmt.Errorf("WithTimeout: %s is not more than zero", timeout)
		}
		s.timeout = timeout
		return nil
	}
}

// WithMaxAttempts limits how often a request is tried in all; 1 tries once. The default is 3. Whatever the
// number, a purchase is never sent again once its bytes may have left this machine, unless the service refused it.
func WithMaxAttempts(attempts int) Option {
	return func(s *settings) error {
		if attempts < 1 {
			return fmt.Errorf("WithMaxAttempts: %d is less than 1", attempts)
		}
		s.maxAttempts = attempts
		return nil
	}
}

// WithLogger writes records about attempts, purchases, retries and unknown outcomes: see [LogKeyServiceID] for their
// attributes. The default is to write none.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) error {
		if logger == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = logger
		return nil
	}
}

// WithRefusalCodes adds to the documented error codes that refuse a purchase in a response with a 2xx status. The codes for a
// shortage of stock or balance are not documented: a purchase that ends in one is [ErrOutcomeUnknown] until somebody who has
// seen the code, and knows that nothing is bought with it, adds it here. It is compared byte for byte; an integer code by its
// digits. Codes that mean success, work that goes on or a failure inside the service are refused. The error of a purchase
// says if this option decided it.
func WithRefusalCodes(codes ...string) Option {
	return func(s *settings) error {
		for _, code := range codes {
			if err := checkRefusalCode(code); err != nil {
				return fmt.Errorf("WithRefusalCodes: %w", err)
			}
		}
		s.refusalCodes = append(s.refusalCodes, codes...)
		return nil
	}
}

func checkRefusalCode(code string) error {
	number, err := strconv.ParseFloat(code, 64)
	plain := strings.Join(strings.Fields(code), "")
	switch {
	case strings.TrimSpace(code) == "" || code != strings.TrimSpace(code):
		return fmt.Errorf("the code %q is blank or has blanks around it", code)
	case isInternalFailure(plain) || strictjson.HasCode(plain, "InternalServerError"):
		return fmt.Errorf("the code %q means a failure inside the service, after which an order may exist", code)
	case err == nil && (number == 0 || isSuccess(int(number))) || meansSuccess(plain):
		return fmt.Errorf("the code %q means success, or nothing yet", code)
	}
	return nil
}

// meansSuccess knows 成功 (success) in any code but 不成功 (not successful).
func meansSuccess(plain string) bool {
	if strings.Contains(strings.ReplaceAll(plain, "不成功", ""), "成功") {
		return true
	}
	plain = strings.TrimFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(successCodes, func(code string) bool { return strings.EqualFold(code, plain) })
}

// successCodes are what services write that did it, are doing it, or have nothing to say.
var successCodes = []string{
	"success", "succeed", "succeeded", "successful", "successfully", "ok", "okay", "true", "yes", "done", "accepted", "created",
	"complete", "completed", "finish", "finished", "purchased", "bought", "ordered", "paid", "normal",
	"processing", "pending", "creating", "running", "in_progress", "inprogress", "null", "nil", "none",
	"OrderCreated", "submitted", "queued", "已完成", "完成", "正常", "处理中", "创建中", "排队中",
}

// WithUserAgent replaces the User-Agent header, in printable ASCII.
func WithUserAgent(userAgent string) Option {
	return func(s *settings) error {
		if strings.TrimSpace(userAgent) == "" || !printable(strings.ReplaceAll(userAgent, " ", "")) {
			return fmt.Errorf("WithUserAgent: %q is blank or not printable ASCII", userAgent)
		}
		s.userAgent = userAgent
		return nil
	}
}

// parseEndpoint repeats nothing of the text in its errors: a password may stand anywhere in a malformed URL.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("the endpoint is empty: it looks like https://host or https://host:port")
	case err != nil:
		return nil, errors.New("the endpoint is not a URL (it is not repeated here, it may hold a password)")
	case u.User != nil:
		return nil, errors.New("the endpoint must not have a user or a password in it")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("the endpoint must not have a query or a fragment")
	case u.RawPath != "":
		return nil, errors.New("the endpoint's path must be plain: no escapes, and no character that needs one, such as * or brackets")
	case !validHost(u):
		return nil, errors.New("the endpoint has no valid host: it looks like https://host or https://host:port")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, errors.New("the endpoint's scheme must be https; http is for loopback addresses only, as the body is not signed")
	}
	return &url.URL{Scheme: u.Scheme, Host: plainHost(u), Path: strings.TrimRight(u.Path, "/")}, nil
}

// plainHost leaves out a port that is the scheme's default: the host is signed as it is sent, and some gateways leave it out.
func plainHost(u *url.URL) string {
	host := strings.TrimSuffix(u.Host, ":")
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return host
}

// validHost refuses what net/http would send in another way: the host is part of the signature.
func validHost(u *url.URL) bool {
	name := u.Hostname()
	if name == "" || strings.Contains(name, "%") || !printable(name) {
		return false
	}
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
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
