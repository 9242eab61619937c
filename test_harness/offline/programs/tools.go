//go:build tools

// Package programs pins the published programs that are built from this module as they are.
//
// One module for all of them: what several of them need (Kubernetes' client libraries, above all) has one version and is
// compiled once.
package programs

import (
	_ "github.com/rancher/local-path-provisioner"
	_ "helm.sh/helm/v4/cmd/helm"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "sigs.k8s.io/cri-tools/cmd/crictl"
	_ "sigs.k8s.io/kind"
)
