# Two images of one program:
#
#   docker build -t lumatrace .                         with a PostgreSQL of its own: one container, one volume
#   docker build -t lumatrace:slim --target slim .      the program alone, for a PostgreSQL of yours
#
#   docker run --read-only --tmpfs /tmp -p 8081:8081 -v lumatrace:/data --stop-timeout 100 lumatrace
#
# docs/deployment.md says which to take, and how to run each. The base images are named by digest: script/pin-images brings
# them up to date.

FROM rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
WORKDIR /src
# No paths of the build in the program: panics name crates and files, not folders.
# docker build --build-arg LUMATRACE_COMMIT=$(git rev-parse --short=12 HEAD) .
ARG LUMATRACE_COMMIT=
# Link-time optimisation takes some minutes, and the program from 39 MB to 31.
ENV CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
ENV RUSTFLAGS="--remap-path-prefix=/usr/local/cargo/registry/src=crates --remap-path-prefix=/src=lumatrace"
COPY . .
# The caches keep compiled dependencies from build to build, also when Cargo.lock changes. Only the
# dependencies: `touch` has our own code compiled again, because files can come from a checkout that
# is older than what is in the cache, and cargo goes by their age.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && script/cargo build --release --locked --bin lumatrace \
    && install -m 0755 target/release/lumatrace /usr/local/bin/lumatrace \
    && mkdir -p /data /usr/share/doc/lumatrace \
    && script/sbom /usr/share/doc/lumatrace/sbom.cdx.json

# glibc, libgcc, the roots of public certificate authorities and time zones; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f AS slim
ARG LUMATRACE_COMMIT=
ARG LUMATRACE_SOURCE=
LABEL org.opencontainers.image.title="LumaTrace" \
      org.opencontainers.image.description="Protects photographs with an invisible watermark; for a PostgreSQL of yours" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${LUMATRACE_COMMIT}" \
      org.opencontainers.image.source="${LUMATRACE_SOURCE}" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /usr/local/bin/lumatrace /usr/local/bin/lumatrace
COPY --from=build /usr/share/doc/lumatrace/sbom.cdx.json /usr/share/doc/lumatrace/sbom.cdx.json
# Root's: a server without LUMATRACE_MASTER_KEY would make a key here and lose it with the container. It is refused instead.
COPY --from=build --chown=0:0 --chmod=0755 /data /data
WORKDIR /data
USER 10001:10001
ENV LUMATRACE_LISTEN=0.0.0.0:8081 \
    LUMATRACE_DATA_DIR=/data
EXPOSE 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["lumatrace", "healthcheck"]
ENTRYPOINT ["lumatrace"]
CMD ["serve"]

FROM debian:bookworm-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251 AS full
# Debian's package would make a cluster of its own, which nobody here uses; postgresql-common holds
# the switch. The certificates are for a DATABASE_URL with TLS, and for a time-stamp authority.
# Versions are left to Debian, so that a build has its security updates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
    && sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' \
        /etc/postgresql-common/createcluster.conf \
    && apt-get install -y --no-install-recommends postgresql \
    && rm -rf /var/lib/apt/lists/*

# A fixed number, so that a folder of the host can be given to it: chown 10001:10001. The user needs
# its line in /etc/passwd, because PostgreSQL refuses to run as a number without a name.
RUN groupadd --system --gid 10001 lumatrace \
    && useradd --system --uid 10001 --gid lumatrace --home-dir /data --shell /usr/sbin/nologin \
        lumatrace \
    && install -d -o lumatrace -g lumatrace -m 0700 /data

ARG LUMATRACE_COMMIT=
ARG LUMATRACE_SOURCE=
LABEL org.opencontainers.image.title="LumaTrace" \
      org.opencontainers.image.description="Protects photographs with an invisible watermark; with a PostgreSQL of its own" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${LUMATRACE_COMMIT}" \
      org.opencontainers.image.source="${LUMATRACE_SOURCE}" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /usr/local/bin/lumatrace /usr/local/bin/lumatrace
COPY --from=build /usr/share/doc/lumatrace/sbom.cdx.json /usr/share/doc/lumatrace/sbom.cdx.json

WORKDIR /data
USER 10001:10001
VOLUME /data
ENV LUMATRACE_LISTEN=0.0.0.0:8081 \
    LUMATRACE_DATA_DIR=/data
EXPOSE 8081
STOPSIGNAL SIGTERM
# The first start makes the database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["lumatrace", "healthcheck"]
ENTRYPOINT ["lumatrace"]
CMD ["serve"]
