// Package answer is what the oracles share: cases come in as JSON, one a line, and go out with what the peer says.
package answer

import (
	"bufio"
	"encoding/json"
	"os"
)

// Input is a case's input: names to JSON values.
type Input map[string]json.RawMessage

// Answers holds, by operation, what asks the peer. An error is a refusal: only that it is one is told.
type Answers map[string]func(Input) (any, error)

// Refused is how a case says that its input must be refused.
var Refused = map[string]any{"error": true}

// Text returns a text of the input; one that is missing or null is empty.
func (in Input) Text(name string) string { return value[string](in, name) }

// Texts returns a list of texts.
func (in Input) Texts(name string) []string { return value[[]string](in, name) }

// Truth returns a truth value.
func (in Input) Truth(name string) bool { return value[bool](in, name) }

func value[T any](in Input, name string) (found T) {
	if raw, ok := in[name]; ok {
		if err := json.Unmarshal(raw, &found); err != nil {
			panic(name + ": " + err.Error())
		}
	}
	return found
}

// Valid is the answer where only being accepted counts.
func Valid(err error) (any, error) { return map[string]any{"valid": err == nil}, nil }

// Serve answers standard input's cases on standard output, in their order.
func (answers Answers) Serve() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var one struct {
			Op    string `json:"op"`
			Input Input  `json:"input"`
		}
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			panic(err)
		}
		found, err := answers[one.Op](one.Input)
		if err != nil {
			found = Refused
		}
		if err := out.Encode(found); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
