# docker build -t lumatrace . && docker run -p 8081:8081 -v lumatrace:/data lumatrace
#
# One container, one volume: without DATABASE_URL the server runs a private PostgreSQL under /data.
# Give it time to stop (`docker stop --time 60`), or the next start has to recover the database.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# No paths of the build in the program: panics name crates and files, not folders.
# docker build --build-arg LUMATRACE_COMMIT=$(git rev-parse --short=12 HEAD) .
ARG LUMATRACE_COMMIT=
ENV RUSTFLAGS="--remap-path-prefix=/usr/local/cargo/registry/src=crates --remap-path-prefix=/src=lumatrace"
COPY . .
# The caches keep compiled dependencies from build to build, also when Cargo.lock changes. Only the
# dependencies: `touch` has our own code compiled again, because files can come from a checkout that
# is older than what is in the cache, and cargo goes by their age.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && script/cargo build --release --locked --bin lumatrace \
    && install -m 0755 target/release/lumatrace /usr/local/bin/lumatrace

FROM debian:bookworm-slim
# Debian's package would make a cluster of its own, which nobody here uses; postgresql-common holds
# the switch. The certificates are for a DATABASE_URL with TLS.
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

COPY --from=build /usr/local/bin/lumatrace /usr/local/bin/lumatrace

USER lumatrace
WORKDIR /data
VOLUME /data
ENV LUMATRACE_LISTEN=0.0.0.0:8081 \
    LUMATRACE_DATA_DIR=/data
EXPOSE 8081
STOPSIGNAL SIGTERM
# The first start makes the database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["lumatrace", "healthcheck"]
ENTRYPOINT ["lumatrace"]
CMD ["serve"]
