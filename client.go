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
	"strconv"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// Defaults that the options change.
const (
	defaultEndpoint    = "https://qianfan.baidubce.com"
	defaultTimeout     = 30 * time.Second
	defaultMaxAttempts = 3
	defaultUserAgent   = "qianfan-go-computeunit"
)

// Client calls the compute unit API of Baidu Qianfan. It is safe for concurrent use; make one and share it: it
// keeps connections for a few seconds, and for [Client.Reconcile] what it bought lately: half a MiB at most, and half a
// KiB or so for each service with a purchase of unknown outcome that was not reconciled. Nothing needs closing. The
// zero value is not usable: see [NewClient].
type Client struct {
	transport   *transport.Transport
	endpoint    *url.URL
	purchaseURL *url.URL
	describeURL *url.URL
	logger      *slog.Logger
	buyers      buyers
}

// settings are what options change before a Client exists.
type settings struct {
	endpoint    *url.URL
	httpClient  *http.Client
	timeout     time.Duration
	maxAttempts int
	logger      *slog.Logger
	userAgent   string
}

// Option changes a default of [NewClient]. One that gets a nil or senseless value makes NewClient fail.
type Option func(*settings) error

// NewClient makes a Client that signs with the credentials it is given. It sends nothing. The error says which
// argument is wrong, and repeats no part of it that could be a secret.
func NewClient(credentials CredentialsProvider, options ...Option) (*Client, error) {
	if credentials == nil {
		return nil, errors.New("computeunit: the credentials provider is nil: use StaticCredentials or EnvCredentials")
	}
	s := settings{timeout: defaultTimeout, maxAttempts: defaultMaxAttempts, logger: slog.New(slog.DiscardHandler), userAgent: defaultUserAgent}
	for _, option := range append([]Option{WithEndpoint(defaultEndpoint)}, options...) {
		if option == nil {
			return nil, errors.New("computeunit: an option is nil")
		}
		if err := option(&s); err != nil {
			return nil, fmt.Errorf("computeunit: %w", err)
		}
	}
	return &Client{
		endpoint:    s.endpoint,
		purchaseURL: actionURL(s.endpoint, servicePath, purchaseAction),
		describeURL: actionURL(s.endpoint, servicePath, describeAction),
		logger:      s.logger,
		transport: transport.New(transport.Config{
			Client:      s.httpClient,
			Timeout:     s.timeout,
			MaxAttempts: s.maxAttempts,
			UserAgent:   s.userAgent,
			Credentials: checked(credentials),
		}),
	}, nil
}

// NewClientFromEnv makes a Client from the environment variables QIANFAN_ACCESS_KEY, QIANFAN_SECRET_KEY and, if
// set, QIANFAN_CONSOLE_BASE_URL (the endpoint). It fails while one of the keys is not set. Options go before the
// environment. The keys are read again at every attempt: see [EnvCredentials].
func NewClientFromEnv(options ...Option) (*Client, error) {
	credentials := EnvCredentials()
	if _, err := credentials.Credentials(context.Background()); err != nil {
		return nil, fmt.Errorf("computeunit: %w", err)
	}
	if endpoint := os.Getenv(envEndpoint); endpoint != "" {
		options = append([]Option{WithEndpoint(endpoint)}, options...)
	}
	return NewClient(credentials, options...)
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
		return err
	}
}

// WithHTTPClient sends through a client of your own. It is copied: later changes to it have no effect. Its
// Transport and its Timeout are used; redirects are never followed and its cookie jar is not asked.
//
// Where its Transport is not an [*http.Transport] (a mock, a tracer, a retrier), or has a protocol of your own in
// TLSNextProto, this package cannot see what was sent: every error of it is then [ErrOutcomeUnknown], a failed
// connection too. One that sends again by itself is stopped before it orders twice if there is an *http.Transport
// beneath it: the connection is closed, which over HTTP/2 makes other requests on it fail too. Where something else
// is beneath it, it can order twice.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		copied := *client
		s.httpClient = &copied
		return nil
	}
}

// WithTimeout limits each attempt: connecting, TLS, sending, and reading the whole answer. The default is 30
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

// WithLogger writes records about attempts, retries and unknown outcomes: see [LogKeyServiceID] for their
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
		return nil, errors.New("the endpoint's path must not have escapes in it")
	case !validHost(u):
		return nil, errors.New("the endpoint has no valid host: it looks like https://host or https://host:port")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, errors.New("the endpoint's scheme must be https; http is for loopback addresses only, as the body is not signed")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(u.Host, ":"), Path: strings.TrimRight(u.Path, "/")}, nil
}

// validHost refuses what net/http would send otherwise than it stands here: the host is part of the signature.
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
