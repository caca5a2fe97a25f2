# The images of `cargo xtask image` for people with an engine: the same root file systems, nothing added.
#   cargo xtask image && docker build --target operator -t firehose-operator .
# Targets: operator, simulator, local, proxy.

FROM scratch AS operator
COPY target/image/firehose-operator/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/firehose-operator"]

FROM scratch AS simulator
COPY target/image/firehose-simulator/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/firehose-simulator"]

FROM scratch AS local
COPY target/image/firehose-local/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/firehose-local"]

FROM scratch AS proxy
COPY target/image/firehose-proxy/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/firehose-proxy"]
