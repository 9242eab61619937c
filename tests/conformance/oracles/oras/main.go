// ORAS's references: what Helm's own registry client reads.
package main

import (
	_ "crypto/sha256"
	"strings"

	"oras.land/oras-go/v2/registry"
	"tidegate.dev/oracles/answer"
)

func main() {
	answer.Answers{
		"oci_reference_parse": parse,
		"registry_api_host": func(in answer.Input) (any, error) {
			return registry.Reference{Registry: in.Text("registry")}.Host(), nil
		},
	}.Serve()
}

// parse does what the next major does, which is not published as a module yet: it leaves schemes off and keeps a tag before a digest.
func parse(in answer.Input) (any, error) {
	text := in.Text("reference")
	for _, scheme := range []string{"oci://", "http://", "https://"} {
		text = strings.TrimPrefix(text, scheme)
	}
	if strings.Count(text, "@") == 1 {
		text = strings.TrimSuffix(text, "@") // no digest follows: what is before it is read as if it were all
	}
	found, err := registry.ParseReference(text)
	if err != nil {
		return nil, err
	}
	parts := map[string]string{"registry": found.Registry, "repository": found.Repository, "tag": found.Reference, "digest": ""}
	if named, _, ok := strings.Cut(text, "@"); ok {
		_, tag, _ := strings.Cut(strings.TrimPrefix(named, found.Registry+"/"), ":")
		parts["tag"], parts["digest"] = tag, found.Reference
	}
	return parts, nil
}
