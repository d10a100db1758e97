#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The image's entry point: ravelind with these arguments, or the demo.
if [ "${1:-}" = demo ]; then
    shift
    exec ravelin-demo "$@"
fi
exec ravelind "$@"
