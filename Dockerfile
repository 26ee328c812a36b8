# crosscheck in an image of one static file: no shell, no package manager, no root.
#   docker build -t crosscheck .
#   docker run -v ./config.yaml:/etc/crosscheck/config.yaml:ro -e LEGACY_DSN -e EVENTS_DSN -p 127.0.0.1:8080:8080 crosscheck
# with web: {listen: ":8080", open: true} in config.yaml, because nothing reaches a container's loopback.
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG VERSION=0.1.0-dev
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/crosscheck ./cmd/crosscheck

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/crosscheck /usr/local/bin/crosscheck
USER 65532:65532
EXPOSE 8080
# No HEALTHCHECK: there is nothing here to run one with. Let the platform ask /healthz and /readyz.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/crosscheck"]
CMD ["run", "--config", "/etc/crosscheck/config.yaml"]
