# SPDX-License-Identifier: BSD-3-Clause
#
#   docker build -t ravelin .
#   docker run --rm ravelin demo
#   docker run --network=host --cap-add=NET_RAW -v ./ravelin.yaml:/etc/ravelin/ravelin.yaml ravelin

FROM debian:bookworm-slim AS build
ARG CXX=g++
ARG CCACHE_DIR
ARG CCACHE_BASEDIR
COPY tools/packages.txt /src/tools/packages.txt
RUN apt-get update && apt-get install -y --no-install-recommends python3-scapy \
        $(sed -n 's/^build: //p' /src/tools/packages.txt)
WORKDIR /src
COPY meson.build meson_options.txt ./
COPY lib lib
COPY app app
# In build/release, as outside: ccache (--build-arg CXX="ccache g++") takes the same from both.
RUN meson setup build/release --buildtype=release -Db_lto=true -Dunity=on -Dunity_size=6 \
        -Dtests=false && \
    ninja -C build/release && \
    install -s -D -t /build build/release/app/ravelind/ravelind \
        build/release/app/ravelinctl/ravelinctl
COPY tools tools
# The packages that have the libraries which the two programs were linked with, and two captures
# for the demo.
RUN ldd /build/ravelind /build/ravelinctl | \
        sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r file; do \
            dpkg -S "$file" 2>/dev/null || dpkg -S "/usr$file" 2>/dev/null || \
            dpkg -S "$(realpath "$file")"; \
        done | cut -d: -f1 | sort -u >/build/libraries.txt && \
    mkdir /build/demo && python3 tools/lib/container_captures.py /build/demo

FROM debian:bookworm-slim
COPY --from=build /src/tools/packages.txt /build/libraries.txt /usr/share/ravelin/
RUN apt-get update && \
    apt-get install -y --no-install-recommends $(cat /usr/share/ravelin/libraries.txt) \
        $(sed -n 's/^run: //p' /usr/share/ravelin/packages.txt) && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ravelin && \
    install -d -o ravelin -g ravelin /run/ravelin
COPY --from=build /build/ravelind /build/ravelinctl /usr/bin/
COPY --from=build /build/demo /usr/share/ravelin/demo
COPY conf /usr/share/doc/ravelin/conf
COPY conf/ravelin.yaml /etc/ravelin/ravelin.yaml
COPY tools/lib/container_demo.sh /usr/bin/ravelin-demo
COPY tools/lib/container_entrypoint.sh /usr/bin/ravelin-entrypoint
USER ravelin
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["ravelinctl", "health"]
# Runs ravelind with the arguments given; "demo" alone runs the demo.
ENTRYPOINT ["ravelin-entrypoint"]
CMD ["--config", "/etc/ravelin/ravelin.yaml"]
