// The registry API as its clients hold it: ORAS on challenges, scopes and pages; go-containerregistry on what may be asked where.
package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	_ "unsafe" // for go:linkname

	v1 "github.com/google/go-containerregistry/pkg/v1"
	_ "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	_ "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"tidegate.dev/oracles/answer"
)

//go:linkname parseChallenge oras.land/oras-go/v2/registry/remote/auth.parseChallenge
func parseChallenge(header string) (auth.Scheme, map[string]string)

//go:linkname parseLink oras.land/oras-go/v2/registry/remote.parseLink
func parseLink(resp *http.Response) (string, error)

//go:linkname validateRealmURL github.com/google/go-containerregistry/pkg/v1/remote/transport.validateRealmURL
func validateRealmURL(realm, registryHost string, insecure bool) error

//go:linkname validateForeignURL github.com/google/go-containerregistry/pkg/v1/remote.validateForeignURL
func validateForeignURL(rawURL string, insecure bool) error

//go:linkname matchesPlatform github.com/google/go-containerregistry/pkg/v1/remote.matchesPlatform
func matchesPlatform(given, required v1.Platform) bool

func main() {
	answer.Answers{
		"link_next":              next,
		"www_authenticate_parse": challenge,
		"scopes_clean":           func(in answer.Input) (any, error) { return auth.CleanScopes(in.Texts("scopes")), nil },
		"scope_for_repository": func(in answer.Input) (any, error) {
			return auth.ScopeRepository(in.Text("repository"), in.Texts("actions")...), nil
		},
		"token_realm_allowed": func(in answer.Input) (any, error) {
			return validateRealmURL(in.Text("realm"), in.Text("registry_host"), in.Truth("insecure")) == nil, nil
		},
		"foreign_url_allowed": func(in answer.Input) (any, error) {
			return validateForeignURL(in.Text("url"), in.Truth("insecure")) == nil, nil
		},
		"platform_matches":   platforms,
		"error_is_temporary": temporary,
	}.Serve()
}

func next(in answer.Input) (any, error) {
	asked, err := url.Parse(in.Text("request_url"))
	if err != nil {
		return nil, err
	}
	link := in.Text("link_header")
	if link == "" {
		return map[string]any{"next": nil}, nil
	}
	found, err := parseLink(&http.Response{Request: &http.Request{URL: asked}, Header: http.Header{"Link": {link}}})
	return map[string]any{"next": found}, err
}

func challenge(in answer.Input) (any, error) {
	scheme, params := parseChallenge(in.Text("header"))
	if params == nil {
		params = map[string]string{}
	}
	return map[string]any{"scheme": strings.ToLower(scheme.String()), "params": params}, nil
}

func platforms(in answer.Input) (any, error) {
	var given, required v1.Platform
	if err := json.Unmarshal(in["given"], &given); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(in["required"], &required); err != nil {
		return nil, err
	}
	return matchesPlatform(given, required), nil
}

func temporary(in answer.Input) (any, error) {
	var status int
	if raw, ok := in["status"]; ok {
		if err := json.Unmarshal(raw, &status); err != nil {
			return nil, err
		}
	}
	found := transport.Error{StatusCode: status}
	for _, code := range in.Texts("errors") {
		found.Errors = append(found.Errors, transport.Diagnostic{Code: transport.ErrorCode(code)})
	}
	return found.Temporary(), nil
}
