package do

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/durablego/do/internal/actor"
)

var errNoResponse = errors.New("do: Fetch returned neither a response nor an error")

// Fetch sends r to the object and gives its response. r needs an absolute URL, whose host
// is free, else ErrInvalidValue; only ctx counts, not r's own. The object gets a clone.
//
// The response comes when everything the object wrote before it is durable (T14, T17).
// Its body, unless it was in memory, is streamed: reading it runs outside turns, waits for
// durability likewise, and keeps the instance in memory until it is closed (F1, L8).
// A body of r is read inside the turn, so a slow one holds the object: router buffers it.
//
// Every failure but ctx's own is an *Error (L24); the object's error is its cause.
func (s *Stub) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	if r == nil || r.URL == nil || !r.URL.IsAbs() {
		return nil, s.fail(ctx, "fetch", fmt.Errorf("%w: a request needs an absolute URL", ErrInvalidValue), false)
	}
	if s.ns.away != nil {
		r := *r
		complete(&r)
		return s.fetchAway(ctx, &r)
	}
	f := new(fetch)
	f.request = r.Clone(f.Turn()) // now: a caller who gives up may go on using r (T10)
	return s.fetch(ctx, f)
}

// fetchOwned is Fetch of a request of which r's owner changes nothing but the struct and
// its URL until it returns; header, body and parameters are the object's from now on.
func (s *Stub) fetchOwned(ctx context.Context, r *http.Request) (*http.Response, error) {
	if s.ns.away != nil {
		return s.fetchAway(ctx, r)
	}
	f := new(fetch)
	f.Parks = true // net/http's reader of this connection would look in vain for the next request
	f.request = r.WithContext(f.Turn())
	f.url = *r.URL
	f.request.URL = &f.url
	return s.fetch(ctx, f)
}

func (s *Stub) fetch(ctx context.Context, f *fetch) (*http.Response, error) {
	const op = "fetch"
	complete(f.request)
	f.Init(f)
	if err := s.send(ctx, &f.Event); err != nil {
		return nil, s.fail(ctx, op, err, f.FromTask())
	}
	return f.response, nil
}

// fetch is the event of a Stub.Fetch, and its task.
type fetch struct {
	actor.Event
	request  *http.Request
	url      url.URL // of request, if it came without one of its own
	response *http.Response
}

// Do runs the object's Fetch.
func (f *fetch) Do(ctx context.Context, instance any) error {
	state := enter(ctx, &f.Event)
	came := f.request.MultipartForm // its files are the caller's
	defer func() {
		if form := f.request.MultipartForm; form != nil && form != came {
			form.RemoveAll() // as net/http does for a request of its own
		}
	}()
	response, err := instance.(Object).Fetch(ctx, f.request)
	err = state.closeTxs(err)
	switch {
	case err != nil:
		state.settle(f.Turn(), nil)
		if response != nil && response.Body != nil {
			response.Body.Close() // the error is the answer
		}
		return err
	case response == nil:
		state.settle(f.Turn(), nil)
		return errNoResponse
	}
	state.settle(f.Turn(), response)
	holdBody(actor.From(ctx).Life(), response)
	f.response = response
	return nil
}

// Drop closes a response that nobody will read.
func (f *fetch) Drop() {
	if f.response != nil && f.response.Body != nil {
		f.response.Body.Close()
	}
}

// complete fills in what a request that comes from a server always has.
func complete(r *http.Request) {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
}
