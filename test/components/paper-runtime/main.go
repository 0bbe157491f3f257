// A container runtime on paper, from Kubernetes' own tests: a kubelet can start and run "containers" that only exist in memory.
package main

import (
	"fmt"
	"os"

	fakeremote "k8s.io/kubernetes/pkg/kubelet/cri/remote/fake"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: paper-runtime unix:///SOCKET")
		os.Exit(2)
	}
	if err := fakeremote.NewFakeRemoteRuntime().Start(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}
