"""Text with sections that are there or not: from `#? name` or `#? not name`, a line of its own, to `#? end`."""

from collections.abc import Iterable, Mapping
from string import Template

MARK = "#? "


def rendered(template: str, present: Iterable[str], values: Mapping[str, object]) -> str:
    """The template with the sections whose names are `present`, and `$name` replaced by its value."""
    names, open_sections, lines = set(present), [True], []
    for line in template.splitlines():
        if not line.startswith(MARK):
            if all(open_sections):
                lines.append(line)
        elif line == f"{MARK}end":
            open_sections.pop()
        else:
            negated, name = line.startswith(f"{MARK}not "), line.split()[-1]
            open_sections.append((name in names) != negated)
    return Template("\n".join(lines) + "\n").substitute(values)
