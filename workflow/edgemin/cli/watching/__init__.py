"""`edgemin status --watch` and `--page`: how far a study is, again and again, on a terminal and on a page. All of it is read from files here."""
