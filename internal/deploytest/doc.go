// Package deploytest holds the tests of what an operator deploys: the Dockerfiles, the
// compose file, which is also started from local programs with the same environment,
// and the Kubernetes manifests, which are held against the API's own schemas.
//
// It is a module of its own, so that the programs do not depend on what reads these
// files. "make test" runs it.
package deploytest
