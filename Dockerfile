# The images of `cargo xtask image` for people with an engine: the same root file systems, nothing added.
#   cargo xtask image && docker build --target operator -t firehose-operator .
# Targets: operator, proxy, simulator.

FROM scratch AS operator
COPY target/image/firehose-operator/ /
USER 65532:65532
ENTRYPOINT ["/firehose-operator"]

FROM scratch AS simulator
COPY target/image/firehose-simulator/ /
USER 65532:65532
ENTRYPOINT ["/firehose-simulator"]

FROM scratch AS proxy
COPY target/image/firehose-proxy/ /
USER 65532:65532
ENTRYPOINT ["/firehose-proxy"]
