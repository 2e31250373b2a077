"""The report of `parity solve`."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from parity.conventions import Convention
from parity.cost import cost
from parity.design import MoELayer
from parity.exact import ExactSolution, Point
from parity.problem import RawTarget
from parity.report.model import Cell, Report, Share, Table
from parity.solve import Solution, SolveResult
from parity.text import counted, decimal, integer, number, percent
from parity.whole import WholeModel

if TYPE_CHECKING:
    from parity.models.description import Model

FLOPS = "flops_per_token"
TOTALS = (FLOPS, "params", "active_params")


def solve_report(result: SolveResult, baseline_name: str, model: "Model | None" = None) -> Report:
    """The exact solution, the best integers and their alternatives, and the proof.

    Where the baseline is the MoE layer of a model, the effect on the whole model too.
    """
    problem = result.problem
    convention = problem.convention.name
    heads, top_k = problem.template.heads, problem.template.top_k
    columns = ("", "d_expert", "num_experts", "FLOPs/token", "parameters", "FLOPs error", "params error")
    names = ["best", *(str(rank) for rank in range(2, len(result.solutions) + 1))]
    rows = [_baseline_row(result), _exact_row(result.exact)]
    rows += [_solution_row(name, solution) for name, solution in zip(names, result.solutions, strict=True)]
    if result.unconstrained:
        rows.append(_solution_row("relaxed", result.unconstrained))
    effect = _Effect(result.best.design, model) if model is not None and problem.whole is None else None
    what = f"the whole of {baseline_name}" if problem.whole else baseline_name
    title = f"Parity with {what} at {heads} heads, top-{top_k}; {convention} convention"
    table = Table(title.replace(" 1 heads", " 1 head"), columns, tuple(rows), strong=frozenset({2}))
    data, notes = _data(result), _notes(result)
    if effect is not None:
        from parity.report.whole_model import beside_note

        data["whole_model"] = effect.data()
        notes = [effect.sentence(), *beside_note(effect.beside), *notes]
    if problem.whole is not None:
        data["moe_layers"] = problem.whole.layers
        notes = [_of_whole(problem.whole), *notes]
    return Report(data, (table,), tuple(notes))


def exact_data(exact: ExactSolution) -> dict[str, Any]:
    """The `exact` and `exact_decimal` fields."""
    point = exact.point
    return {
        "exact": _point(point, str) if point is not None and point.rational else None,
        "exact_decimal": _point(point, decimal) if point is not None else None,
    }


def solution_data(solution: Solution) -> dict[str, Any]:
    """One entry of the `solutions` field."""
    return {
        "design": solution.design.to_dict(),
        "cost": solution.cost.totals(),
        "error": {"flops": str(solution.flops_error), "params": str(solution.params_error)},
    }


def baseline_data(
    baseline: MoELayer | RawTarget, convention: Convention, whole: WholeModel | None = None
) -> dict[str, Any]:
    """The `baseline` field."""
    if isinstance(baseline, MoELayer):
        priced = {name: getattr(whole, name) for name in TOTALS} if whole else cost(baseline, convention).totals()
        return {"design": baseline.to_dict(), "cost": priced}
    raw = {"flops_per_token": baseline.flops_per_token, "params": baseline.params, "active_params": None}
    return {"design": None, "cost": raw}


def _data(result: SolveResult) -> dict[str, Any]:
    problem = result.problem
    data = {
        "baseline": baseline_data(problem.baseline, problem.convention, problem.whole),
        "convention": problem.convention.name,
        "prefer": problem.prefer,
        **exact_data(result.exact),
        "solutions": [solution_data(solution) for solution in result.solutions],
        "optimal": result.optimal,
        "proof": list(result.proof),
        "front_complete": result.complete,
    }
    if result.exact.other:
        data["other_exact_decimal"] = _point(result.exact.other, decimal)
    if result.exact.reason:
        data["exact_reason"] = result.exact.reason
    if result.unconstrained:
        data["unconstrained"] = solution_data(result.unconstrained)
    return data


class _Effect:
    """What the best design does to the model whose MoE layers it takes the place of; matmul convention."""

    def __init__(self, best: MoELayer, model: "Model") -> None:
        from parity.models.around import whole_model

        self.whole, self.beside = whole_model(model), model.beside
        self.cost = self.whole.around(cost(best, "matmul"))
        self.flops_error = Fraction(self.cost.flops_per_token, self.whole.flops_per_token) - 1
        self.params_error = Fraction(self.cost.params, self.whole.params) - 1

    def data(self) -> dict[str, Any]:
        """The `whole_model` field."""
        baseline = {name: getattr(self.whole, name) for name in TOTALS}
        errors = {"flops": str(self.flops_error), "params": str(self.params_error)}
        return {
            "convention": "matmul",
            "moe_layers": self.whole.layers,
            "baseline": baseline,
            "cost": self.cost.totals(),
            "error": errors,
        }

    def sentence(self) -> str:
        """The same for people."""
        replaced = "the one such layer" if self.whole.layers == 1 else f"all {integer(self.whole.layers)} such layers"
        params, active, flops = (integer(getattr(self.cost, name)) for name in ("params", "active_params", FLOPS))
        return (
            f"In place of {replaced} the best gives the whole model {params} "
            f"parameters ({percent(self.params_error)}), {active} active, and {flops} FLOPs per token "
            f"({percent(self.flops_error)}), matmul convention."
        )


def _of_whole(whole: WholeModel) -> str:
    return (
        f"The design's model has {counted(whole.layers, 'MoE layer')}; the rest of it takes "
        f"{integer(whole.rest.flops_per_token)} FLOPs per token and {integer(whole.rest.params)} parameters."
    )


def _notes(result: SolveResult) -> list[str]:
    notes = []
    if result.exact.reason:
        notes.append(f"Exact: {result.exact.reason}.")
    if result.exact.other:
        other = _point(result.exact.other, number)
        notes.append(
            f"The equations have a second solution, d_expert={other['d_expert']}, num_experts={other['num_experts']}, "
            "which is not ranked: the one with the wider experts is meant."
        )
    if not result.complete and result.optimal:
        notes.append("More alternatives may exist: the search for them was cut short.")
    if result.unconstrained:
        notes.append("Relaxed: the best without constraints, to show what they cost.")
    best = result.best
    notes.append(
        f"Best: d_expert={best.design.d_expert}, num_experts={best.design.num_experts}; "
        f"errors exactly {best.flops_error} in FLOPs and {best.params_error} in parameters."
    )
    return [
        *notes,
        "Proof that nothing is better:" if result.optimal else "How far the proof goes:",
        *(f"- {sentence}" for sentence in result.proof),
    ]


def _point(point: Point, form: Any) -> dict[str, str]:
    return {"d_expert": form(point.d_expert), "num_experts": form(point.num_experts)}


def _baseline_row(result: SolveResult) -> tuple[Cell, ...]:
    layer, target = result.problem.baseline, result.problem.target
    unknowns: tuple[Cell, Cell] = (layer.d_expert, layer.num_experts) if isinstance(layer, MoELayer) else (None, None)
    return ("baseline", *unknowns, target.flops_per_token, target.params, None, None)


def _exact_row(exact: ExactSolution) -> tuple[Cell, ...]:
    unknowns = (exact.point.d_expert, exact.point.num_experts) if exact.point else ("none", "none")
    return ("exact", *unknowns, None, None, None, None)


def _solution_row(name: str, solution: Solution) -> tuple[Cell, ...]:
    design, priced = solution.design, solution.cost
    costs = (priced.flops_per_token, priced.params)
    return (
        name,
        design.d_expert,
        design.num_experts,
        *costs,
        Share(solution.flops_error),
        Share(solution.params_error),
    )
