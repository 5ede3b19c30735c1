"""Every kind of job of a study: what rules, status and verify read."""

from __future__ import annotations

from collections.abc import Iterator

from edgemin.plan.jobs.base import Job
from edgemin.plan.jobs.data import (
    CutTokenizer,
    DownloadSource,
    PrepareData,
    PrepareEncoder,
    PrepareOutOfDomain,
    PrepareTransfer,
    TokenizeTexts,
)
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
    ExportOnnx,
    PruneStructured,
    QuantizeModel,
    SweepPruning,
    TrainTeacher,
)
from edgemin.plan.jobs.report import ChooseCell, CollectResults, DrawPlot, MakeBundle, WritePage, WriteStudy, WriteTable
from edgemin.plan.plan import Plan
from edgemin.study import registry


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
        self.prune_structured = PruneStructured(plan)
        self.sweep_pruning = SweepPruning(plan)
        self.quantize_model = {name: QuantizeModel(plan, name) for name in registry.RUNTIMES.names()}
        self.quantize_aware = {name: QuantizeModel(plan, name, trains=True) for name in registry.RUNTIMES.names()}
        self.scan_quantization = ScanQuantization(plan)
        self.export_onnx = ExportOnnx(plan)
        self.measure_quality = MeasureQuality(plan)
        self.measure_out_of_domain = MeasureOutOfDomain(plan)
        self.measure_size = MeasureSize(plan)
        self.measure_round = MeasureRound(plan)
        self.measure_latency = MeasureLatency(plan)
        self.write_study = WriteStudy(plan)
        self.collect_results = CollectResults(plan)
        self.tables = {name: WriteTable(plan, table) for name, table in registry.TABLES.all().items()}
        self.plots = {name: DrawPlot(plan, plot) for name, plot in registry.PLOTS.all().items()}
        self.page = WritePage(plan)
        self.choose_cell = ChooseCell(plan)
        self.make_bundle = MakeBundle(plan)

    def all(self) -> Iterator[Job]:
        """Of every rule."""
        for found in vars(self).values():
            yield from found.values() if isinstance(found, dict) else [found]
