"""For MkDocs: the pages are the repository's Markdown files, under their own paths."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "*/README.md", "docs/*.md", "docs/images/*")
LEFT_OUT = (".venv", "site", "tests")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """In place of the docs folder's files. Those of the theme stay: without them the site has no style."""
    root, theme = Path(config.config_file_path).parent, [file for file in files if file.src_dir != config.docs_dir]
    found = sorted({file.relative_to(root) for page in PAGES for file in root.glob(page)})
    pages = [File.generated(config, str(file), abs_src_path=str(root / file)) for file in found if file.parts[0] not in LEFT_OUT]
    return Files([*theme, *pages])
