"""Starting is cheap: heavy libraries are imported only where they are used."""

import subprocess
import sys

HEAVY = ("sympy", "numpy", "pydantic", "torch", "mpmath")


def imported(*arguments: str) -> set[str]:
    code = (
        "import sys\nfrom parity.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print(*(name for name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_solving_and_costing_import_nothing_heavy() -> None:
    for arguments in (
        ("solve", "--heads", "3", "--topk", "3"),
        ("solve", "--heads", "3", "--topk", "3", "--format", "json"),
        ("cost", "paper-smoe"),
        ("compare", "paper-smoe", "paper-dense"),
        ("models",),
        ("--help",),
        ("solve", "--help"),
    ):
        assert not imported(*arguments) & set(HEAVY), arguments


def test_json_needs_no_rich() -> None:
    assert not {name for name in imported("cost", "paper-smoe", "--format", "json") if name.startswith("rich")}


def test_a_derivation_is_what_sympy_is_for() -> None:
    assert "sympy" in imported("explain", "--heads", "3", "--topk", "3")


def test_importing_the_package_needs_no_library() -> None:
    code = "import parity, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"click", "rich", *HEAVY} & set(modules)


def test_what_the_package_offers_is_sorted_and_there() -> None:
    import parity

    assert parity.__all__ == sorted(parity.__all__)
    assert all(hasattr(parity, name) for name in parity.__all__)
