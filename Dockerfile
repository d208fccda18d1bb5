# The container images of Tintype. No target has a shell, and each runs as user 65532
# with a root that it need not write to.
#
#   export VERSION=$(git describe --tags --always) REVISION=$(git rev-parse HEAD)
#   docker build --build-arg VERSION --build-arg REVISION -t tintype .                     api, worker and tintype
#   docker build --build-arg VERSION --build-arg REVISION -t tintype-sim --target sim .    the simulator alone
#
# deploy/image/prove.sh does the same without an engine and tries what comes of it.

# source is what both images are built from.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS source
WORKDIR /src
# The modules change less often than the source.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .

# build makes the root of the service's image.
FROM source AS build
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH deploy/image/build.sh /root-of-image tintype

# build-sim makes that of the simulator's.
FROM source AS build-sim
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH deploy/image/build.sh /root-of-image sim

# base is what the images have in common.
FROM scratch AS base
USER 65532:65532
# VERSION is what the labels say; the programs have it from git by themselves.
ARG VERSION=devel
# REVISION is the commit, likewise.
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/tintypehq/tintype" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

# sim is `tintype sim` and nothing of the service: an upstream to test against, which needs no key.
FROM base AS sim
COPY --from=build-sim /root-of-image/ /
LABEL org.opencontainers.image.title="Tintype's simulator" \
      org.opencontainers.image.description="Speaks Volcengine Ark, with real media and faults on command"
EXPOSE 9000
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["/usr/local/bin/tintype", "health", "http://127.0.0.1:9000/_sim/"]
ENTRYPOINT ["/usr/local/bin/tintype", "sim"]
CMD ["--addr", "0.0.0.0:9000"]

# Left as it is, the image prints its help; a deployment calls /usr/local/bin/api and
# /usr/local/bin/worker, which have their health checks under the same names:
# ["/usr/local/bin/worker", "health"].

# tintype is the service.
FROM base AS tintype
COPY --from=build /root-of-image/ /
LABEL org.opencontainers.image.title="Tintype" \
      org.opencontainers.image.description="Images and videos behind one HTTP call: paid for once, never lost, always delivered" \
      org.opencontainers.image.documentation="https://github.com/tintypehq/tintype/blob/main/docs/deploy.md"
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/tintype", "health"]
ENTRYPOINT ["/usr/local/bin/tintype"]
CMD ["help"]
