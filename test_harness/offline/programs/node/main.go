// One program for everything that a kind node runs: Kubernetes, etcd and CoreDNS, chosen by the name it is called by.
//
// Linking them once instead of nine times halves the time and the disk space of a node image built from source, and
// all containers of a node share one set of memory pages. Each constructor runs only for the chosen program, since
// several of them register the same flags and feature gates.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // CronJob time zones: the images hold no zone files

	"github.com/coredns/coredns/coremain"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubeadmutil "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func kubernetes(command func() *cobra.Command) func() {
	return func() { os.Exit(cli.Run(command())) }
}

var programs = map[string]func(){
	"kube-apiserver":          kubernetes(func() *cobra.Command { return apiserver.NewAPIServerCommand() }),
	"kube-controller-manager": kubernetes(controllermanager.NewControllerManagerCommand),
	"kube-scheduler":          kubernetes(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kube-proxy":              kubernetes(proxy.NewProxyCommand),
	"kubelet":                 kubernetes(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	"kubeadm":                 func() { kubeadmutil.HandleError(kubeadm.Run()) },
	"kubectl":                 kubectl,
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"coredns":                 coremain.Run,
}

func kubectl() {
	logs.GlogSetter(cmd.GetLogVerbosity(os.Args)) // the verbosity must be known before any request is made
	command := cmd.NewDefaultKubectlCommand()
	if err := cli.RunNoErrOutput(command); err != nil {
		util.CheckErr(err)
	}
}

func main() {
	name := filepath.Base(os.Args[0])
	run, known := programs[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%q is none of this node's programs: call it by the name of one\n", name)
		os.Exit(2)
	}
	run()
}
