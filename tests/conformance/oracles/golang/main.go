// What Flux, Keel and Argo CD Image Updater match and read by: Go's regexp, filepath.Match and ParseFloat; go-glob.
package main

import (
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/ryanuber/go-glob"
	"tidegate.dev/oracles/answer"
)

func main() {
	answer.Answers{
		"pattern_match":    match,
		"tag_filter":       filter,
		"tag_ignored":      ignored,
		"allow_tags_match": allowed,
		"tag_select":       numerical,
	}.Serve()
}

// filter does what Flux's filterTags says: tags that match, or what the template extracts of them, sorted, each once.
func filter(in answer.Input) (any, error) {
	pattern, err := regexp.Compile(in.Text("pattern"))
	if err != nil {
		return nil, err
	}
	extract, found := in.Text("extract"), map[string]bool{}
	for _, tag := range in.Texts("tags") {
		match := pattern.FindStringSubmatchIndex(tag)
		if len(match) == 0 {
			continue
		}
		text := tag
		if extract != "" {
			text = string(pattern.ExpandString(nil, extract, tag, match))
		}
		found[text] = true
	}
	texts := make([]string, 0, len(found))
	for text := range found {
		texts = append(texts, text)
	}
	sort.Strings(texts)
	return texts, nil
}

// match does what Flux v1 does with glob: (also without its name) and regexp: patterns.
func match(in answer.Input) (any, error) {
	pattern, tag := in.Text("pattern"), in.Text("tag")
	for _, kind := range []string{"regexp:", "regex:"} {
		if expression, ok := strings.CutPrefix(pattern, kind); ok {
			compiled, err := regexp.Compile(expression)
			return err == nil && compiled.MatchString(tag), err
		}
	}
	return glob.Glob(strings.TrimPrefix(pattern, "glob:"), tag), nil
}

func ignored(in answer.Input) (any, error) {
	for _, pattern := range in.Texts("ignore") {
		if matched, err := filepath.Match(pattern, in.Text("tag")); err == nil && matched {
			return true, nil
		}
	}
	return false, nil
}

func allowed(in answer.Input) (any, error) {
	_, expression, _ := strings.Cut(in.Text("allow_tags"), ":")
	pattern, err := regexp.Compile(expression)
	return err == nil && pattern.MatchString(in.Text("tag")), nil
}

// numerical takes the largest number (DESC: the smallest) by Go's reading of floats; one that is none spoils the policy.
func numerical(in answer.Input) (any, error) {
	var best string
	var most float64
	for i, tag := range in.Texts("tags") {
		number, err := strconv.ParseFloat(tag, 64)
		if err != nil {
			return nil, err
		}
		if i == 0 || number > most {
			best, most = tag, number
		}
	}
	return map[string]string{"tag": best}, nil
}
