package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFaultValid(t *testing.T) {
	valid := map[string]Fault{
		"none":                   {},
		"none after":             {When: AfterOrder},
		"reset after":            {Kind: Reset, When: AfterOrder},
		"408 after":              {Kind: ErrorAnswer, Status: 408, When: AfterOrder},
		"409 after":              {Kind: HTMLAnswer, Status: 409, When: AfterOrder},
		"599 after":              {Kind: EmptyAnswer, Status: 599, When: AfterOrder},
		"300 after":              {Kind: EmptyAnswer, Status: 300, When: AfterOrder},
		"303 after":              {Kind: Redirect, Status: 303, Location: "/", When: AfterOrder},
		"101 after":              {Kind: EmptyAnswer, Status: 101, When: AfterOrder},
		"cut 403 after":          {Kind: CutLength, Status: 403, When: AfterOrder},
		"failure in 400 after":   {Kind: ErrorAnswer, Status: 400, Code: "336100", When: AfterOrder},
		"raw 400, id, after":     {Kind: RawAnswer, Status: 400, Body: `{"result":{"instanceId":"{instanceId}"}}`, When: AfterOrder},
		"raw 400, failed, after": {Kind: RawAnswer, Status: 400, Body: `{"code":"internalerror"}`, When: AfterOrder},
		"raw 400, cut, after":    {Kind: RawAnswer, Status: 400, Body: `{"code":"Access`, When: AfterOrder},
		"raw 499 after":          {Kind: RawAnswer, Status: 499, When: AfterOrder},
		"gzip after":             {Kind: Gzip, When: AfterOrder},
		"gzip 403 before":        {Kind: Gzip, Status: 403},
		"internal in 200 after":  {Kind: ErrorAnswer, Status: 200, Code: "InternalError", When: AfterOrder},
		"empty 200 after":        {Kind: EmptyAnswer, Status: 200, Code: "AccessDenied", When: AfterOrder},
		"400 before":             {Kind: ErrorAnswer, Status: 400},
		"redirect before":        {Kind: Redirect, Status: 308, Location: "/"},
		"hints after":            {Kind: EarlyHints, When: AfterOrder},
	}
	for name, fault := range valid {
		assert.NoError(t, fault.Valid(), name)
	}
	invalid := map[string]Fault{
		"raw 400 after":        {Kind: RawAnswer, Status: 400, When: AfterOrder},
		"raw 429, code, after": {Kind: RawAnswer, Status: 429, Body: `{"code":"Throttled"}`, When: AfterOrder},
		"kind":                 {Kind: "other"},
		"when":                 {Kind: Reset, When: 2},
		"delay":                {Kind: SlowBody, Delay: -1},
		"attempts":             {Kind: Reset, Attempts: -1},
		"no status":            {Kind: ErrorAnswer},
		"status 199":           {Kind: EmptyAnswer, Status: 199},
		"status 600":           {Kind: HTMLAnswer, Status: 600},
		"redirect 300":         {Kind: Redirect, Status: 300, Location: "/"},
		"redirect no location": {Kind: Redirect, Status: 301},
		"redirect after":       {Kind: Redirect, Status: 307, Location: "/", When: AfterOrder},
		"hold":                 {Hold: -1},
		"cut 200":              {Kind: CutChunked, Status: 200},
		"gzip 403 after":       {Kind: Gzip, Status: 403, When: AfterOrder},
		"gzip before":          {Kind: Gzip},
		"numbers before":       {Kind: Numbers},
		"twice before":         {Kind: Twice},
		"400 after":            {Kind: ErrorAnswer, Status: 400, When: AfterOrder},
		"429 html after":       {Kind: HTMLAnswer, Status: 429, When: AfterOrder},
		"403 empty after":      {Kind: EmptyAnswer, Status: 403, When: AfterOrder},
		"code 200 after":       {Kind: ErrorAnswer, Status: 200, Code: "AccessDenied", When: AfterOrder},
		"hints before":         {Kind: EarlyHints},
	}
	for name, fault := range invalid {
		fault.Name = name
		assert.ErrorContains(t, fault.Valid(), `fault "`+name+`"`)
		assert.Panics(t, func() { New(Config{}).Inject(Fault{}, fault) }, name)
	}
	assert.Panics(t, func() { New(Config{}).InjectRead(Fault{Kind: "other"}) })
	assert.NotPanics(t, func() { New(Config{}).InjectRead(Fault{Kind: EarlyHints}) }, "a read has no order")
}

func TestInvalidFaultFromConfig(t *testing.T) {
	bad := Fault{Kind: HTMLAnswer, Status: 403, When: AfterOrder}
	s := New(withClock(Config{
		Fault:     func(Purchase) Fault { return bad },
		ReadFault: func(Read) Fault { return Fault{Kind: "other"} },
	}))
	for _, got := range []gotAnswer{buy(s, postpaidBody), list(s, service1)} {
		assert.Equal(t, http.StatusInternalServerError, got.Status)
		assert.Equal(t, CodeInvalidFault, got.Code)
	}
	assert.Empty(t, s.Orders())
}

func TestInjectedFaultsComeFirst(t *testing.T) {
	s := New(withClock(Config{
		Fault:     func(Purchase) Fault { return Fault{Kind: ErrorAnswer, Status: 503} },
		ReadFault: func(Read) Fault { return Fault{Kind: ErrorAnswer, Status: 503} },
	}))
	s.Inject(Fault{}, Fault{Kind: ErrorAnswer, Status: 502})
	s.InjectRead(Fault{Kind: ErrorAnswer, Status: 502})
	for _, status := range []int{200, 502, 503} {
		assert.Equal(t, status, buy(s, postpaidBody).Status)
	}
	for _, status := range []int{502, 503} {
		assert.Equal(t, status, list(s, service1).Status)
	}
}
