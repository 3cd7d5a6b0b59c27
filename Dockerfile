# The command line as a container of one static program: docker build -t rolecall . && docker run --rm rolecall --help
FROM rust:1.95-alpine AS build
WORKDIR /source
COPY . .
# Temporary files and the working folder, which an empty image does not have.
RUN cargo build --locked --profile fast --package rolecall \
    && mkdir -p /image/etc/ssl/certs /image/tmp /image/work \
    && cp target/fast/rolecall /image/rolecall \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && chmod 1777 /image/tmp /image/work

# checkov:skip=CKV_DOCKER_2: a command that ends, and no service
FROM scratch
COPY --from=build /image /
WORKDIR /work
# Not root, by number: the image has no list of users.
USER 65532:65532
ENTRYPOINT ["/rolecall"]
