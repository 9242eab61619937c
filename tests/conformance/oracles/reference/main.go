// distribution/reference: what Docker and Kubernetes read. SHA-256 is the only hash linked in, as in its own tests.
package main

import (
	_ "crypto/sha256"
	"errors"
	"regexp"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"tidegate.dev/oracles/answer"
)

var (
	domain     = regexp.MustCompile("^(?:" + reference.DomainRegexp.String() + ")$")
	identifier = regexp.MustCompile("^(?:" + reference.IdentifierRegexp.String() + ")$")
)

func main() {
	answer.Answers{
		"reference_parse":                parse,
		"reference_parse_canonical_only": func(in answer.Input) (any, error) { return domainAndPath(reference.ParseNamed(in.Text("reference"))) },
		"reference_split_domain":         split,
		"reference_format":               format,
		"name_valid": func(in answer.Input) (any, error) {
			_, err := reference.WithName(in.Text("name"))
			return answer.Valid(err)
		},
		"normalized_name_valid": func(in answer.Input) (any, error) {
			_, err := reference.ParseNormalizedNamed(in.Text("name"))
			return err == nil, nil
		},
		"reference_normalize":     normalise,
		"reference_any_normalize": func(in answer.Input) (any, error) { return text(reference.ParseAnyReference(in.Text("reference"))) },
		"reference_docker_ref":    dockerRef,
		"domain_valid":            func(in answer.Input) (any, error) { return domain.MatchString(in.Text("domain")), nil },
		"identifier_valid":        func(in answer.Input) (any, error) { return identifier.MatchString(in.Text("identifier")), nil },
	}.Serve()
}

func parse(in answer.Input) (any, error) {
	found, err := reference.Parse(in.Text("reference"))
	if err != nil {
		return nil, err
	}
	parts := map[string]string{"domain": "", "repository": "", "tag": "", "digest": ""}
	if named, ok := found.(reference.Named); ok {
		parts["domain"], parts["repository"] = reference.Domain(named), named.Name()
	}
	if tagged, ok := found.(reference.Tagged); ok {
		parts["tag"] = tagged.Tag()
	}
	if digested, ok := found.(reference.Digested); ok {
		parts["digest"] = digested.Digest().String()
	}
	return parts, nil
}

func split(in answer.Input) (any, error) {
	if in.Truth("normalize") {
		return domainAndPath(reference.ParseNormalizedNamed(in.Text("name")))
	}
	return domainAndPath(reference.WithName(in.Text("name")))
}

func domainAndPath(named reference.Named, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]string{"domain": reference.Domain(named), "path": reference.Path(named)}, nil
}

func normalise(in answer.Input) (any, error) {
	named, err := reference.ParseNormalizedNamed(in.Text("name"))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"domain": reference.Domain(named), "path": reference.Path(named),
		"familiar": reference.FamiliarName(named), "full": named.Name(),
	}, nil
}

func format(in answer.Input) (any, error) {
	named, err := reference.WithName(in.Text("name"))
	if err != nil {
		return nil, err
	}
	if hash := in.Text("digest"); hash != "" {
		if named, err = reference.WithDigest(named, digest.Digest(hash)); err != nil {
			return nil, err
		}
	}
	if tag := in.Text("tag"); tag != "" {
		if named, err = reference.WithTag(named, tag); err != nil {
			return nil, err
		}
	}
	return named.String(), nil
}

func dockerRef(in answer.Input) (any, error) {
	named, err := reference.ParseDockerRef(in.Text("reference"))
	if err != nil {
		return nil, err
	}
	return named.String(), nil
}

func text(found reference.Reference, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, errors.New("nothing")
	}
	return found.String(), nil
}
