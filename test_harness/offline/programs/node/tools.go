//go:build tools

package main

// Programs that are built from this module by themselves, so that go.mod pins them too.
import (
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "sigs.k8s.io/cri-tools/cmd/crictl"
)
