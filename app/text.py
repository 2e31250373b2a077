"""Text for the page. What a visitor typed is shown as typed, and is never markup."""

import re

_ICON = ":material/"
_MARKUP = "\\`*_{}[]<>()#+-.!|~$:^=&@/"


def plain(text: str) -> str:
    """Words of ours with everything escaped that Markdown, directives or mathematics would read as markup."""
    return "".join(f"\\{c}" if c in _MARKUP else c for c in text).replace("\n", "  \n")


def as_typed(text: str) -> str:
    """Text that may hold what a visitor typed, as code: nothing in it becomes a link, an icon or a longer dash."""
    line = re.sub(r"[\r\n]", " ", text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    # Streamlit rewrites the sign of an icon before it looks for code, so the code is interrupted within it.
    whole = line.replace(_ICON, f"{_ICON[:-1]} {fence}\\{_ICON[-1]}{fence} ")
    return f"{fence} {whole} {fence}".removesuffix(f"{fence}  {fence}" if line else "")
