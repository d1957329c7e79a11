"""Running the networks: protocols, and the runtimes behind them."""

import vssn.openvino_core  # noqa: F401 - before anything here imports OpenVINO itself
