"""Background removal for GIMP and Krita: the daemon that makes the masks, and the `matted` command."""

import sys

__version__ = "0.1.0"

# Importing OpenVINO reports that to its makers over the network, unless the package that does it is not there. matted
# promises that nothing leaves the computer, so no process of it ever finds that package.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
