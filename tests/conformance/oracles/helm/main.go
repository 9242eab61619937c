// Helm: which version of a chart it takes, and how it reads a chart's reference.
package main

import (
	_ "unsafe" // for go:linkname

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/registry"
	repo "helm.sh/helm/v4/pkg/repo/v1"
	oras "oras.land/oras-go/v2/registry"
	"tidegate.dev/oracles/answer"
)

//go:linkname isVersionRange helm.sh/helm/v4/pkg/repo/v1.isVersionRange
func isVersionRange(version string) bool

type reference struct { // as Helm declares it
	_                                 oras.Reference
	Registry, Repository, Tag, Digest string
}

//go:linkname newReference helm.sh/helm/v4/pkg/registry.newReference
func newReference(raw string) (reference, error)

func main() {
	answer.Answers{
		"constraint_check":      check,
		"is_version_range":      func(in answer.Input) (any, error) { return isVersionRange(in.Text("text")), nil },
		"oci_tag_select":        selectTag,
		"index_first":           first,
		"index_get":             get,
		"chart_reference_parse": parse,
	}.Serve()
}

func check(in answer.Input) (any, error) {
	return util.IsCompatibleRange(in.Text("constraint"), in.Text("version")), nil
}

func selectTag(in answer.Input) (any, error) {
	tag, err := registry.GetTagMatchingVersionOrConstraint(in.Texts("tags"), in.Text("version"))
	return map[string]string{"tag": tag}, err
}

// index leaves out what Helm does not take into an index.
func index(versions []string) *repo.IndexFile {
	file := repo.NewIndexFile()
	for _, version := range versions {
		_ = file.MustAdd(&chart.Metadata{APIVersion: "v2", Name: "chart", Version: version}, "chart.tgz", "", "")
	}
	file.SortEntries()
	return file
}

func first(in answer.Input) (any, error) {
	found := index(in.Texts("versions")).Entries["chart"]
	if len(found) == 0 {
		return nil, repo.ErrNoChartVersion
	}
	return found[0].Version, nil
}

func get(in answer.Input) (any, error) {
	found, err := index(in.Texts("versions")).Get("chart", in.Text("version"))
	if err != nil {
		return nil, err
	}
	return found.Version, nil
}

func parse(in answer.Input) (any, error) {
	found, err := newReference(in.Text("reference"))
	return map[string]string{"registry": found.Registry, "repository": found.Repository, "tag": found.Tag, "digest": found.Digest}, err
}
