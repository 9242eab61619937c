// Masterminds/semver: versions and the ranges of Helm and Flux.
package main

import (
	"sort"

	"github.com/Masterminds/semver/v3"
	"tidegate.dev/oracles/answer"
)

func main() {
	answer.Answers{
		"constraint_check": check,
		"constraint_parse": func(in answer.Input) (any, error) {
			_, err := semver.NewConstraint(in.Text("constraint"))
			return answer.Valid(err)
		},
		"version_parse":        parse,
		"version_normalize":    normalise,
		"version_compare":      compare,
		"version_greater_than": greater,
		"version_increment":    increment,
		"version_sort_asc":     sorted,
	}.Serve()
}

func check(in answer.Input) (any, error) {
	constraint, err := semver.NewConstraint(in.Text("constraint"))
	if err != nil {
		return nil, err
	}
	version, err := semver.NewVersion(in.Text("version"))
	if err != nil {
		return nil, err
	}
	constraint.IncludePrerelease = in.Truth("include_prerelease")
	return constraint.Check(version), nil
}

func parse(in answer.Input) (any, error) {
	read := semver.NewVersion
	if in.Text("mode") == "strict" {
		read = semver.StrictNewVersion
	}
	_, err := read(in.Text("version"))
	return answer.Valid(err)
}

func normalise(in answer.Input) (any, error) {
	version, err := semver.NewVersion(in.Text("version"))
	if err != nil {
		return nil, err
	}
	return version.String(), nil
}

func pair(in answer.Input) (*semver.Version, *semver.Version, error) {
	a, err := semver.NewVersion(in.Text("a"))
	if err != nil {
		return nil, nil, err
	}
	b, err := semver.NewVersion(in.Text("b"))
	return a, b, err
}

func compare(in answer.Input) (any, error) {
	a, b, err := pair(in)
	if err != nil {
		return nil, err
	}
	return a.Compare(b), nil
}

func greater(in answer.Input) (any, error) {
	a, b, err := pair(in)
	if err != nil {
		return nil, err
	}
	return a.GreaterThan(b), nil
}

func increment(in answer.Input) (any, error) {
	version, err := semver.NewVersion(in.Text("version"))
	if err != nil {
		return nil, err
	}
	steps := map[string]func() semver.Version{"major": version.IncMajor, "minor": version.IncMinor, "patch": version.IncPatch}
	next := steps[in.Text("part")]()
	return map[string]string{"normalized": next.String(), "original_style": next.Original()}, nil
}

func sorted(in answer.Input) (any, error) {
	var versions semver.Collection
	for _, text := range in.Texts("versions") {
		version, err := semver.NewVersion(text)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
	sort.Stable(versions)
	texts := make([]string, len(versions))
	for i, version := range versions {
		texts[i] = version.String()
	}
	return texts, nil
}
