"""A design for other software: a file to save for each target, or why the target cannot express it."""

import shlex
from functools import partial

import streamlit as st

from app.controls import Controls, in_pairs
from app.downloads import save, zipped
from app.reports import show_notes
from app.text import plain
from parity.design import MoELayer
from parity.errors import InputError
from parity.exporters import TARGETS, Export, export_found
from parity.models.builtin import builtin_models
from parity.ref import Found, look_up, reference_to

NO_HOST = "none"


def ask_host(controls: Controls) -> str | None:
    """Draw the control of the model that a design is put into; None is the paper's decoder."""
    about = (
        "For hf: the model whose MoE layers are replaced by the design. Without one it stands in the paper's decoder."
    )
    host = controls.choice("host", "host", [NO_HOST, *builtin_models()], about)
    return None if host == NO_HOST else host


def show_exports(design: MoELayer, host: str | None, ep: int | None) -> None:
    """Draw each target with the files, the notes and the command of its export; those that refuse come last.

    `host` is for hf and `ep`, the ranks that the experts are divided among, for megatron.
    """
    options = {target: _options(target, host, ep) for target in TARGETS}
    made = {target: _attempt(design, target, options[target]) for target in TARGETS}
    in_order = sorted(TARGETS, key=lambda target: isinstance(made[target], InputError))
    for target, place in zip(in_order, in_pairs(len(in_order)), strict=True):
        with place, st.container(border=True, height="stretch"):
            _show(design, target, made[target], options[target])


def _options(target: str, host: str | None, ep: int | None) -> dict[str, str | int]:
    """The options of the command that are given for this target."""
    if target == "hf" and host is not None:
        return {"host": host}
    return {"ep": ep} if target == "megatron" and ep is not None else {}


def _attempt(design: MoELayer, target: str, options: dict[str, str | int]) -> Export | InputError:
    host, ep = options.get("host"), options.get("ep", 1)
    try:
        return export_found(
            Found(reference_to(design), design),
            target,
            host=None if host is None else look_up(str(host), files=False),
            ep=int(ep),
        )
    except InputError as error:
        return error


def _show(design: MoELayer, target: str, made: Export | InputError, options: dict[str, str | int]) -> None:
    if isinstance(made, InputError):
        st.markdown(f"**{plain(target)}** :material/block: cannot express this design")
        st.caption(plain(str(made)))
        return
    st.markdown(f"**{plain(target)}** for {plain(made.checked_against)}")
    with st.container(gap="small"):
        show_notes(tuple(f"- {note}" for note in made.notes))
    file = f"parity-{target}"
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    words = ["parity", "export", reference_to(design), "--to", target, *flags, file]
    st.code(shlex.join(words), language="bash", wrap_lines=True)
    about = f"Save {', '.join(made.files)} in one archive."
    save(target, partial(zipped, made.files), f"{file}.zip", "application/zip", about, "folder_zip")
