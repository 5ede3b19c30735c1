"""The constraints of each wildcard."""

from __future__ import annotations

from edgemin.plan.plan import Plan
from edgemin.study import chains, registry
from edgemin.study.task import SPLITS


def texts_of(plan: Plan) -> list[str]:
    """Names of everything that is tokenised."""
    elsewhere = (name for task in plan.study.tasks.values() for name in task.out_of_domain)
    names = [*SPLITS, *(f"transfer-{name}" for name in plan.study.transfer), *(f"elsewhere-{name}" for name in elsewhere)]
    return list(dict.fromkeys(names))


def constraints(plan: Plan) -> dict[str, str]:
    """Wildcard -> regular expression, for all rules; `variant` and `cell` differ from rule to rule."""
    study = plan.study
    return {
        "task": chains.one_of(study.tasks),
        "seed": r"\d+",
        "runtime": chains.one_of(registry.RUNTIMES.names()),
        "round": r"[1-9]\d*",
        "pin": chains.one_of(plan.pins),
        "encoder": chains.one_of(plan.encoders),
        "tokenizer": chains.one_of(plan.tokenizers),
        "parent": chains.float_chain_regex(study.variants()),
        "chain": chains.any_chain_regex(study.variants()),
        "baseline": chains.one_of(study.baselines),
        "cascade": chains.one_of(study.cascades),
        "need": "[a-z0-9_]+",
        "texts": chains.one_of(texts_of(plan)),
        "transfer": chains.one_of(study.transfer),
        "elsewhere": chains.one_of({name for task in study.tasks.values() for name in task.out_of_domain}),
        "form": "float|int8",
        "tokens": r"\d+",
        "structure": "[a-z]+",
        "criterion": "[a-z][a-z0-9_]*",
    }
