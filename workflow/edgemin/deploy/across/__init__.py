"""Answers of a bundle on other processors, which are emulated: `edgemin across`."""
