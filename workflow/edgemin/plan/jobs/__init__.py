"""Every kind of job of a study: what rules, status and verify read."""

from __future__ import annotations

from collections.abc import Iterator

from edgemin.plan.jobs.acceptance import AcceptCell, CheckAcceptance
from edgemin.plan.jobs.base import Job
from edgemin.plan.jobs.baselines import FitBaseline, MeasureBaseline, PoolBaseline, TimeBaseline
from edgemin.plan.jobs.bundle import ChooseCell, MakeBundle
from edgemin.plan.jobs.cascade import cascade_jobs
from edgemin.plan.jobs.cascade_rounds import PoolCascade, TimeCascade
from edgemin.plan.jobs.data import (
    CutTokenizer,
    DownloadSource,
    PrepareData,
    PrepareEncoder,
    PrepareOutOfDomain,
    PrepareTransfer,
    TokenizeTexts,
)
from edgemin.plan.jobs.graphs import DistillStatic, ExportOnnx
from edgemin.plan.jobs.measuring import (
    MeasureLatency,
    MeasureOutOfDomain,
    MeasureQuality,
    MeasureRound,
    MeasureSize,
    ScanQuantization,
)
from edgemin.plan.jobs.models import (
    CacheTeacher,
    DistillStudent,
    PruneStructured,
    QuantizeModel,
    SweepPruning,
    TrainTeacher,
)
from edgemin.plan.jobs.record import jobs_of
from edgemin.plan.jobs.report import CollectResults, DrawPlot, Report, WritePage, WriteStudy, WriteTable
from edgemin.plan.jobs.reverting import RevertLayers
from edgemin.plan.jobs.timed import PruneToTime, TimeShapes
from edgemin.plan.lineage import Lineage
from edgemin.plan.plan import Plan
from edgemin.plan.records import Records, extras_of, needed_of
from edgemin.study import registry
from edgemin.study.quantizing import Quantizing


class Jobs:
    """One attribute for each kind."""

    def __init__(self, plan: Plan) -> None:
        self.download_source = DownloadSource(plan)
        self.prepare_data = PrepareData(plan)
        self.prepare_transfer = PrepareTransfer(plan)
        self.prepare_out_of_domain = PrepareOutOfDomain(plan)
        self.prepare_encoder = PrepareEncoder(plan)
        self.cut_tokenizer = CutTokenizer(plan)
        self.tokenize_texts = TokenizeTexts(plan)
        self.train_teacher = TrainTeacher(plan)
        self.cache_teacher = CacheTeacher(plan)
        self.distill_student = DistillStudent(plan)
        self.distill_static = DistillStatic(plan)
        self.prune_structured = PruneStructured(plan)
        self.time_shapes = TimeShapes(plan)
        self.prune_to_time = PruneToTime(plan)
        self.sweep_pruning = SweepPruning(plan)
        self.quantize_model = {name: QuantizeModel(plan, name) for name in registry.RUNTIMES.names()}
        self.quantize_aware = {name: QuantizeModel(plan, name, trains=True) for name in registry.RUNTIMES.names()}
        self.revert_layers = RevertLayers(plan)
        self.scan_quantization = ScanQuantization(plan)
        self.export_onnx = ExportOnnx(plan)
        self.measure_quality = MeasureQuality(plan)
        self.measure_out_of_domain = MeasureOutOfDomain(plan)
        self.measure_size = MeasureSize(plan)
        self.measure_round = MeasureRound(plan)
        self.measure_latency = MeasureLatency(plan)
        self.fit_baseline = FitBaseline(plan)
        self.measure_baseline = MeasureBaseline(plan)
        self.time_baseline = TimeBaseline(plan)
        self.pool_baseline = PoolBaseline(plan)
        self.time_cascade = TimeCascade(plan)
        self.pool_cascade = PoolCascade(plan)
        self.write_study = WriteStudy(plan)
        records = Records(
            plan, lambda: needed_of(self.reports()), lambda: Lineage(plan, self.all()), lambda: extras_of(self.reports())
        )
        self.collect_results = CollectResults(plan, records)
        self.tables = {name: WriteTable(plan, records, table) for name, table in registry.TABLES.all().items()}
        self.plots = {name: DrawPlot(plan, records, plot) for name, plot in registry.PLOTS.all().items()}
        self.page = WritePage(plan, records)
        self.accept_cell = AcceptCell(plan, records)
        last = CheckAcceptance(plan, self.reports)
        self.last = {last.rule: last} if last.files else {}
        self.choose_cell = ChooseCell(plan)
        self.make_bundle = MakeBundle(plan)
        self.cascades = cascade_jobs(plan)
        self.record_seeds, self.take_seeds = jobs_of(plan, records)

    def quantizing(self, variant: Quantizing) -> Job:
        """The job of a quantize variant."""
        if variant.revert:
            return self.revert_layers
        return (self.quantize_aware if variant.trains else self.quantize_model)[variant.backend]

    def all(self) -> Iterator[Job]:
        """The jobs of every rule."""
        for value in vars(self).values():
            jobs = value.values() if isinstance(value, dict) else [value]
            yield from (job for job in jobs if isinstance(job, Job))

    def reports(self) -> Iterator[Report]:
        """The jobs that are made by default: tables, and the page with its plots where the study has one."""
        study = self.page.study
        yield from (self.tables[name] for name in study.default_tables())
        if study.page:
            yield self.collect_results
            yield self.page
            yield from (job for job in self.plots.values() if job.plot.by_default)
