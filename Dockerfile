# syntax=docker/dockerfile:1
# The binary with TLS and zstd, on a small base, as a user without rights.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the layer: after a change of the source only the source is compiled again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --features ssl-vendored,zstd \
    && cp target/release/linchpin /linchpin

FROM debian:bookworm-slim
# The certificates by which brokers with TLS are trusted.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /linchpin /usr/local/bin/linchpin
COPY LICENSE /usr/share/doc/linchpin/LICENSE
# Sealed minutes; mount a volume here to keep them for longer than the container.
RUN install -d -o 65532 -g 65532 /var/lib/linchpin
VOLUME /var/lib/linchpin
USER 65532:65532
ENV LINCHPIN_STORE__PATH=/var/lib/linchpin
# Inside of a container loopback is nobody's; publish the port to where it may be seen.
ENV LINCHPIN_HTTP__LISTEN=0.0.0.0:7171
EXPOSE 7171
# Alive, not ready: an orchestrator must not restart it for a broker that is away. There is no curl in the image.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/7171 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["linchpin"]
CMD ["serve"]
