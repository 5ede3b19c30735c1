"""The jobs of the smoke study's ladder, asked for by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.lineage import Wildcards as At
from edgemin.plan.plan import Plan
from edgemin.study.chains import Chain
from edgemin.study.runtime import CHECKPOINT
from edgemin.study.task import SPLITS
from edgemin.study.timed import Timed

KD, PRUNED = "teacher/distill-minilmv2", "teacher/distill-minilmv2/prune-heads25"
ORT, TORCH = f"{PRUNED}/quantize-int8_dynamic_ort", f"{PRUNED}/quantize-int8_dynamic_torch"
ROOT = "results/smoke"
MODELS, CACHES, MEASURED = (f"{ROOT}/{folder}/snippets/seed0" for folder in ("models", "caches", "measurements"))
SNIPPETS = {"source": {"files": {"train": "tests/data/snippets.csv"}}}
AUGMENT = {"transfer": {"wide": {"augment": {}, "rows": 100}}}
PIP = {"package": "some.Package", "version": "1.0", "sha256": "0" * 64, "member": ["a.csv"]}


def at(**wildcards: Any) -> At:
    """Of the study's one task and first seed, unless said otherwise."""
    return At(**{"task": "snippets", "seed": "0", **wildcards})


def job_of(jobs: Jobs, chain: str) -> tuple[Any, At]:
    """The job that makes a chain, and its wildcards."""
    parsed = Chain.parse(chain)
    if parsed.last is None:
        return jobs.train_teacher, at()
    where = at(parent=str(parsed.parent), variant=parsed.last.variant)
    if jobs.train_teacher.study.static(parsed) and not parsed.quantized:
        return jobs.distill_static, where
    if not parsed.quantized:
        pruning = jobs.prune_to_time if is_timed(jobs, parsed) else jobs.prune_structured
        return {"distill": jobs.distill_student, "prune": pruning}[parsed.last.stage], where
    return jobs.quantizing(jobs.train_teacher.study.variant(parsed)), where


def is_timed(jobs: Jobs, chain: Chain) -> bool:
    """Whether the last link is a cut to a time."""
    return chain.last is not None and isinstance(jobs.train_teacher.study.variant(chain), Timed)


def every_job(plan: Plan) -> Iterator[tuple[Job, At]]:
    """All jobs that a study could ask for, each once."""
    jobs, study = Jobs(plan), plan.study
    seen: set[tuple[str, ...]] = set()
    for task, seed in product(study.tasks, study.seeds):
        for job, wildcards in (
            *_of_data(jobs, plan, task),
            *_of_chains(jobs, plan),
            *_of_baselines(jobs, plan),
            *_of_cascades(jobs),
            *_of_reports(jobs, plan),
        ):
            where = At(task=task, seed=str(seed), **wildcards)
            if (files := tuple(made_by(job, where))) not in seen:
                seen.add(files)
                yield job, where


def _of_data(jobs: Jobs, plan: Plan, task: str) -> Iterator[tuple[Job, dict]]:
    study, elsewhere = plan.study, plan.study.tasks[task].out_of_domain
    yield from ((jobs.download_source, {"pin": pin}) for pin in plan.pins)
    yield jobs.prepare_data, {}
    yield from ((jobs.prepare_transfer, {"transfer": name}) for name in study.transfer)
    yield from ((jobs.prepare_out_of_domain, {"elsewhere": name}) for name in elsewhere)
    yield from ((jobs.prepare_encoder, {"encoder": name}) for name in plan.encoders)
    texts = [*SPLITS, *(f"transfer-{name}" for name in study.transfer), *(f"elsewhere-{name}" for name in elsewhere)]
    for tokenizer in plan.tokenizers:
        base, cut, variant = tokenizer.rpartition("--")
        yield from [(jobs.cut_tokenizer, {"tokenizer": base, "variant": variant})] if cut else []
        yield from ((jobs.tokenize_texts, {"tokenizer": tokenizer, "texts": one}) for one in texts)


def _of_chains(jobs: Jobs, plan: Plan) -> Iterator[tuple[Job, dict]]:
    chains = {"teacher": Chain(), **{str(chain): chain for chain in plan.study.chains()}}
    caches: dict[tuple, dict] = {}
    for chain in chains.values():
        job, where = job_of(jobs, str(chain))
        yield job, {name: value for name, value in vars(where).items() if name in ("parent", "variant")}
        if is_timed(jobs, chain):
            target, sized = plan.study.variant(chain).target, plan.sized_as(chain)
            shapes = {"runtime": target.runtime, "form": target.form, "tokens": str(target.tokens)}
            yield jobs.time_shapes, {"parent": str(sized), **shapes}
        if not chain.quantized and not plan.study.static(chain):
            yield jobs.export_onnx, {"parent": str(chain)}
        for need in plan.needs(chain) if chain.links and plan.trains(chain) else ():
            told = {"parent": str(plan.teacher_of(chain)), "texts": plan.trained_on(chain), "need": need}
            caches[tuple(told.values())] = told
        for runtime in plan.study.runtimes_of(chain):
            measuring = (jobs.measure_quality, jobs.measure_out_of_domain, jobs.measure_size)
            yield from ((one, {"chain": str(chain), "runtime": runtime}) for one in measuring)
            for where in ({"chain": one, "runtime": runtime} for one in ("teacher", str(chain))):
                yield jobs.measure_latency, where
                rounds = range(1, plan.study.latency.rounds + 1)
                yield from ((jobs.measure_round, {**where, "round": str(number)}) for number in rounds)
    yield from ((jobs.cache_teacher, told) for told in caches.values())


def _of_baselines(jobs: Jobs, plan: Plan) -> Iterator[tuple[Job, dict]]:
    for name in plan.study.baselines:
        yield from ((job, {"baseline": name}) for job in (jobs.fit_baseline, jobs.measure_baseline, jobs.pool_baseline))
        rounds = range(1, plan.study.latency.rounds + 1)
        yield from ((jobs.time_baseline, {"baseline": name, "round": str(number)}) for number in rounds)


def _of_cascades(jobs: Jobs) -> Iterator[tuple[Job, dict]]:
    for one in jobs.tables["cascades"].beside():
        where = {"cascade": one["cascade"], "runtime": one["runtime"]}
        yield jobs.pool_cascade, where
        rounds = range(1, jobs.pool_cascade.study.latency.rounds + 1)
        yield from ((jobs.time_cascade, {**where, "round": str(number)}) for number in rounds)


def _of_reports(jobs: Jobs, plan: Plan) -> Iterator[tuple[Job, dict]]:
    study = plan.study
    yield from ((job, {}) for job in (jobs.write_study, jobs.collect_results, jobs.page))
    yield from ((job, {}) for job in jobs.tables.values() if job.table.declared(study) or job.table.name in study.page)
    yield from ((job, {}) for job in jobs.plots.values() if job.plot.declared(study))
    yield from ((job, {}) for job in jobs.take_seeds.values())
    yield from ((job, {}) for job in jobs.last.values())
    yield from ((jobs.accept_cell, {"cell": cell}) for cell in jobs.accept_cell.cells)
    yield from ((jobs.make_bundle, {"cell": cell}) for cell in study.deploy if cell in study.cells)
    yield from ((job, {}) for name, job in jobs.cascades.items() if name in study.deploy)
    if (swept := study.sensitivity) is not None:
        for structure, criterion in swept.sweeps():
            parent = study.cells[swept.cell].chain
            yield jobs.sweep_pruning, {"parent": parent, "structure": structure, "criterion": criterion}
    if (scanned := study.layer_sensitivity) is not None:
        yield jobs.scan_quantization, {"parent": study.cells[scanned.cell].chain}


def made_by(job: Job, where: At) -> list[str]:
    """Its files."""
    found = job.outputs
    patterns = [found] if isinstance(found, str) else found.values() if isinstance(found, dict) else found
    return [pattern.format(**vars(where)) for pattern in patterns]


def read_by(job: Job, where: At) -> list[str]:
    found = job.inputs(where).values()
    return [file for files in found for file in ([files] if isinstance(files, str) else files)]


def reads(plan: Plan, chain: str) -> Inputs:
    """The files that the job of a chain reads."""
    job, where = job_of(Jobs(plan), chain)
    found: Inputs = job.inputs(where)
    return found


def checkpoint(chain: str) -> list[str]:
    return [f"{MODELS}/{chain}/{name}" for name in CHECKPOINT]


def data_files() -> list[str]:
    return [f"{ROOT}/data/snippets/{name}" for name in ("train.arrow", "validation.arrow", "test.arrow", "data.json")]
