"""Baselines, a folder each: see `edgemin.study.registry`."""
