"""The JSON schema of a study, for editors and for people: `python -m edgemin.config.schema FILE` writes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgemin.config.study import Study


def schema_text() -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
