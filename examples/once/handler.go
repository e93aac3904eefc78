package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
)

func handler(buyer *once.Buyer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /buy", func(w http.ResponseWriter, r *http.Request) { buy(buyer, w, r) })
	mux.HandleFunc("GET /buy", func(w http.ResponseWriter, r *http.Request) { show(buyer, w, r) })
	return mux
}

func buy(buyer *once.Buyer, w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Key, Service     string
		Months, Replicas int
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second) // an attempt that has begun goes on
	defer cancel()
	bought, err := buyer.Buy(ctx, asked.Key, computeunit.PurchaseComputeUnitRequest{
		ServiceID: asked.Service, Billing: computeunit.Prepaid(asked.Months), ReplicasCount: asked.Replicas})
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	_ = json.NewEncoder(w).Encode(bought)
}

// statusOf is all that a caller has to know: 202 and 409 are to be asked again with the same key, 422 is not.
func statusOf(err error) int {
	switch {
	case !errors.Is(err, once.ErrPending):
		return http.StatusUnprocessableEntity
	case errors.Is(err, computeunit.ErrOutcomeUnknown):
		return http.StatusAccepted
	default:
		return http.StatusConflict
	}
}

// show serves what the journal says now, and not what some Buy said: "bought" by an answer is final, and everything else can
// change.
func show(buyer *once.Buyer, w http.ResponseWriter, r *http.Request) {
	purchase, found, err := buyer.Lookup(r.Context(), r.URL.Query().Get("key"))
	switch {
	case errors.As(err, new(*computeunit.ValidationError)):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case !found:
		http.Error(w, "no such key", http.StatusNotFound)
	default:
		_ = json.NewEncoder(w).Encode(purchase)
	}
}
