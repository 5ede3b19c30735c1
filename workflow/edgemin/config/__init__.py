"""Studies: pydantic models, one file for sources, one for stage variants, one for the study itself."""

from edgemin.config.study import Study, parse_study, read_study

__all__ = ["Study", "parse_study", "read_study"]
