package recipes

import (
	"net/http"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"
)

func replayed(name string, mode recorder.Option) (*recorder.Recorder, error) {
	differs := []string{"Authorization", "X-Bce-Date", "X-Bce-Request-Id", "X-Bce-Security-Token", "User-Agent"}
	return recorder.New(name, mode,
		recorder.WithMatcher(cassette.NewDefaultMatcher(cassette.WithIgnoreHeaders(differs...))),
		recorder.WithHook(func(i *cassette.Interaction) error {
			for _, header := range differs {
				http.Header(i.Request.Headers).Del(header) // no signature in a file
			}
			return nil
		}, recorder.BeforeSaveHook))
}
