"""Text for the page: what a visitor typed is shown as typed, and is never markup."""

_MARKUP = "\\`*_{}[]<>()#+-.!|~$:^=&@/"


def plain(text: str) -> str:
    """The text with everything escaped that Markdown, Streamlit's directives or mathematics would read as markup."""
    return "".join(f"\\{c}" if c in _MARKUP else c for c in text).replace("\n", "  \n")
