"""Running the networks: protocols, and the runtimes behind them."""

import sys

# Importing OpenVINO otherwise starts its telemetry: a process, an identifier in the home folder and
# a connection. Without the package it uses its own stand-in, which does nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
