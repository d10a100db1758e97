# SPDX-License-Identifier: BSD-3-Clause
"""The network lab that the end-to-end tests and tools/demo share.

    client ---- outside [ravelind] inside ---- router ---- concentrator

Everything lives in network namespaces that end with the process that made them.
"""
