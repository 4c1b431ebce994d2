"""The endpoints that docs/terraform.md shows are accepted as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from refused_values import RELEASE

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(
    r"^```hcl\n((?:(?:async_|serverless_)?endpoints|functions) = .*?)^```",
    (REPOSITORY / "docs" / "terraform.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
ROOT = """
variable "endpoints" {
  type    = any
  default = {}
}
variable "async_endpoints" {
  type    = any
  default = {}
}
variable "serverless_endpoints" {
  type    = any
  default = {}
}
variable "functions" {
  type    = any
  default = {}
}
variable "release" { type = any }
module "serving" {
  source                          = "./serving"
  environment                     = "dev"
  endpoints                       = var.endpoints
  endpoints_as_written            = var.endpoints
  async_endpoints                 = var.async_endpoints
  async_endpoints_as_written      = var.async_endpoints
  serverless_endpoints            = var.serverless_endpoints
  serverless_endpoints_as_written = var.serverless_endpoints
  functions                       = var.functions
  functions_as_written            = var.functions
  release                         = var.release
}
output "unknown_attributes" { value = module.serving.unknown_attributes }
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 5
    for kind in ("async_endpoints", "serverless_endpoints", "functions"):
        assert any(example.startswith(kind) for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split()[3])
def test_an_example_is_accepted(
    example: str, run_terraform: Run, terraform_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "serving").mkdir()
    for name in ("variables.tf", "variables_serverless.tf", "spelling.tf"):
        shutil.copy(terraform_dir / "modules" / "serving" / name, tmp_path / "serving")
    output = 'output "unknown_attributes" { value = local.unknown_attributes }'
    (tmp_path / "serving" / "outputs.tf").write_text(output)
    (tmp_path / "main.tf").write_text(ROOT)
    (tmp_path / "terraform.tfvars").write_text(example)
    models = {
        **RELEASE["models"],
        "sentiment": {**RELEASE["models"]["sentiment"], "function_image": "lambda_detection"},
        "summarization": {**RELEASE["models"]["sentiment"], "task": "summarization"},
    }
    release = {"release": {**RELEASE, "models": models}}
    (tmp_path / "release.auto.tfvars.json").write_text(json.dumps(release))
    assert run_terraform(tmp_path, "init", "-no-color").returncode == 0
    done = run_terraform(tmp_path, "plan", "-no-color", "-out=plan")
    assert done.returncode == 0, done.stdout + done.stderr
    planned = json.loads(run_terraform(tmp_path, "show", "-json", "plan").stdout)
    assert planned["planned_values"]["outputs"]["unknown_attributes"]["value"] == []
