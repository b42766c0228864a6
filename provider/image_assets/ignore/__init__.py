"""The ignore languages: which entries of a directory are left out of a build context.

rules       what an ignore language must answer while a tree is walked (for `context`), and the empty answer
ignorefile  `.dockerignore`: lines to patterns
docker      `ignoreMode: docker`: what BuildKit sends; `docker_pattern` one pattern, `docker_split` made quick
git · glob  `ignoreMode: git` by git's pattern language (`wildmatch`), and `ignoreMode: glob` by minimatch

What Go does otherwise than Python: `go_regexp` (`go_class`, `go_escape`), `go_match`, `go_text`.
"""
