"""A seed's measurements in three files, to be kept with the code; and back again.

JSON files stand in one JSON file, tables of predictions in one Parquet file: each under its path below the study's folder, to the number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, whole_file, write_json, write_parquet
from edgemin.core.machine import machine_class
from edgemin.report.collect import collect, write
from edgemin.report.readable import readable

_FILE = "file"
"""Column of the Parquet file: whose row it is."""


def pack(spec: Mapping[str, Any], to: Mapping[str, Path]) -> None:
    """Write a seed's record. spec: `machine`, the class of machine that the record is of; `files`, path below the study's folder -> where it is;
    `rows`, as `report.collect.collect` takes them; `made_by`, path below the study's folder -> digest of its lineage. to: form -> file.

    Raises EdgeminError if something was measured on another class of machine.
    """
    parts = {name: Path(file) for name, file in spec["files"].items()}
    jsons = {name: read_json(file) for name, file in parts.items() if file.suffix == ".json"}
    hosts = {name: content["host"] for name, content in jsons.items() if "host" in content}
    for name, host in hosts.items():
        machine = machine_class(host["cpu"], host["flags"])
        if machine != spec["machine"]:
            raise EdgeminError(
                f"{parts[name]}: made on {host['cpu']} ({machine}), and this machine is {spec['machine']}; what is compared within a "
                "seed is trained and measured on one class of machine: run this there, or delete the seed's models and measurements"
            )
    tables = {name: pd.read_parquet(file) for name, file in parts.items() if file.suffix == ".parquet"}
    columns = {name: {column: str(kind) for column, kind in table.dtypes.items()} for name, table in tables.items()}
    host = next((host for name, host in hosts.items() if Path(name).name == "latency.json"), next(iter(hosts.values()), None))
    parts_of = [table.assign(**{_FILE: name}) for name, table in tables.items()]
    write_parquet(
        to["parquet"], pd.concat(parts_of, ignore_index=True) if parts_of else pd.DataFrame({_FILE: pd.Series(dtype=str)})
    )
    write(collect(spec["rows"], among=set(spec["files"].values())), to["csv"])
    with whole_file(to["json"]) as partial:
        partial.write_text(
            _lines({"host": host or {}, "made_by": spec["made_by"], "columns": columns, "files": jsons}), encoding="utf-8"
        )


def _lines(content: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON with a line for each entry: a file that is on record is one line of a diff."""
    parts = []
    for name, entries in content.items():
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items())
        parts.append(f"{json.dumps(name)}: {{\n{lines}\n}}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def unpack(spec: Mapping[str, Any]) -> None:
    """Write the files of a record. spec: `record` and `predictions`, its files; `files`, path below the study's folder -> where it is wanted;
    `made_by`, likewise -> digest that the record has to have of it.

    Raises EdgeminError for a record that does not hold them.
    """
    record = Path(spec["record"])
    content = read_json(record, remedy="restore it from version control")
    tables = predictions_of(Path(spec["predictions"]), content)
    for name, wanted in spec["files"].items():
        if content["made_by"].get(name) != spec["made_by"][name]:
            raise EdgeminError(f"{record}: {name} in it was made otherwise by now; run snakemake again")
        if name in content["files"]:
            write_json(wanted, content["files"][name])
        elif name in tables:
            write_parquet(wanted, tables[name])
        else:
            raise EdgeminError(f"{record}: holds no {name}; restore it, and the files beside it, from version control")


def predictions_of(file: Path, content: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Path below the study's folder -> table. content: of the record's JSON file.

    Tables of several tasks may have other columns, and labels of another type. Raises EdgeminError for a file that cannot be read.
    """
    with readable(file, "restore it from version control"):
        tables = pd.read_parquet(file).groupby(_FILE, sort=False)
    columns = {name: content["columns"][name] for name, _ in tables}
    return {name: table[list(columns[name])].astype(columns[name]).reset_index(drop=True) for name, table in tables}
