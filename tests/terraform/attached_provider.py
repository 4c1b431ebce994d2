"""One process of the AWS provider for many commands: Terraform would start it anew for each run of a test.

Source: ``-debug`` and ``TF_REATTACH_PROVIDERS``, "Debugging provider plugins", Terraform's plugin development
documentation.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BINARY = "providers/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_*"
START_S = 60.0
STOP_S = 10.0


@contextmanager
def attached_provider(data_directory: Path) -> Iterator[Mapping[str, str]]:
    """Runs the provider that ``terraform init`` put into a data directory.

    Yields:
        The environment variable with which Terraform uses it.
    """
    (binary,) = data_directory.glob(BINARY)
    with subprocess.Popen(
        [binary, "-debug"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        late = threading.Timer(START_S, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            said = (re.search("TF_REATTACH_PROVIDERS='(.+)'", line) for line in process.stdout)
            found = next(filter(None, said), None)
            late.cancel()
            assert found is not None, f"{binary} -debug ended, or took more than {START_S} s to start"
            yield {"TF_REATTACH_PROVIDERS": found[1]}
        finally:
            late.cancel()
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
