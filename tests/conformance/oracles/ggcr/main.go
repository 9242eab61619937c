// go-containerregistry's names: crane's and Flux's reading of references.
package main

import (
	_ "unsafe" // for go:linkname

	"github.com/google/go-containerregistry/pkg/name"
	"tidegate.dev/oracles/answer"
)

//go:linkname isRFC1918 github.com/google/go-containerregistry/pkg/name.Registry.isRFC1918
func isRFC1918(name.Registry) bool

func main() {
	answer.Answers{
		"name_parse":              parse,
		"registry_default_scheme": scheme,
		"registry_is_private_ip":  private,
	}.Serve()
}

// parse tells what a text is in both modes; a case's "mode" is then "strict", "weak" (only so) or "any".
func parse(in answer.Input) (any, error) {
	read := map[string]func(string, name.Option) error{
		"registry":   func(text string, mode name.Option) error { _, err := name.NewRegistry(text, mode); return err },
		"repository": func(text string, mode name.Option) error { _, err := name.NewRepository(text, mode); return err },
		"tag":        func(text string, mode name.Option) error { _, err := name.NewTag(text, mode); return err },
		"digest":     func(text string, mode name.Option) error { _, err := name.NewDigest(text, mode); return err },
	}[in.Text("kind")]
	mode := name.WeakValidation
	if in.Text("mode") == "strict" {
		mode = name.StrictValidation
	}
	return answer.Valid(read(in.Text("text"), mode))
}

func scheme(in answer.Input) (any, error) {
	registry, err := name.NewRegistry(in.Text("registry"), name.WeakValidation)
	if err != nil {
		return nil, err
	}
	return registry.Scheme(), nil
}

func private(in answer.Input) (any, error) {
	registry, err := name.NewRegistry(in.Text("registry"), name.WeakValidation)
	if err != nil {
		return nil, err
	}
	return isRFC1918(registry), nil
}
