"""Figures of the literature, development sets unless stated otherwise.

parameters: millions. faster: as claimed there, mostly on GPUs with large batches, so no CPU latency. Figures whose source
could not be read are left out.
"""

from __future__ import annotations

from typing import Any

PUBLISHED: list[dict[str, Any]] = [
    {
        "work": "BERT-base",
        "parameters": 109,
        "faster": "1×",
        "sst2": 93.2,
        "mnli": 84.5,
        "source": "microsoft/unilm, minilm/README.md",
    },
    {
        "work": "BERT-base-uncased",
        "parameters": 110,
        "faster": "1×",
        "sst2": 92.7,
        "mnli": 84.7,
        "source": "huggingface/transformers, research_projects/distillation/README.md",
    },
    {
        "work": "DistilBERT",
        "parameters": 66,
        "faster": "1.6×",
        "sst2": 91.3,
        "mnli": 82.1,
        "source": "huggingface/transformers, research_projects/distillation/README.md",
    },
    {
        "work": "TinyBERT-6, without augmentation",
        "parameters": 66,
        "faster": "2×",
        "sst2": 91.6,
        "mnli": 83.5,
        "source": "model cards microsoft/xtremedistil",
    },
    {
        "work": "MiniLM v1 L12-H384",
        "parameters": 33,
        "faster": "2.7×",
        "sst2": 93.0,
        "mnli": 85.7,
        "source": "microsoft/unilm, minilm/README.md",
    },
    {
        "work": "MiniLM v1 L6-H384",
        "parameters": 22,
        "faster": "5.3×",
        "sst2": 91.5,
        "mnli": 83.3,
        "source": "microsoft/unilm, minilm/README.md; its teacher is UniLMv2",
    },
    {
        "work": "MiniLMv2 L6-H384",
        "parameters": 22,
        "faster": "5.3×",
        "sst2": 91.3,
        "mnli": 82.8,
        "source": "microsoft/unilm, minilm/README.md; teacher BERT-base",
    },
    {
        "work": "MiniLMv2 L6-H384, re-implemented",
        "parameters": 29.8,
        "faster": None,
        "sst2": 91.28,
        "mnli": 82.59,
        "source": "bloomberg/minilmv2.bb, README.md; FFN 3072 wide",
    },
    {
        "work": "XtremeDistil L6-H384",
        "parameters": 22,
        "faster": "5.3×",
        "sst2": 92.3,
        "mnli": 85.4,
        "source": "model card microsoft/xtremedistil-l6-h384-uncased; needs a transfer of tasks",
    },
    {
        "work": "CoFi, 60 % sparse",
        "parameters": 34,
        "faster": "2.1×",
        "sst2": 93.0,
        "mnli": 85.3,
        "source": "princeton-nlp/CoFiPruning, README.md; parameters of the encoder alone",
    },
    {
        "work": "CoFi, 95 % sparse",
        "parameters": 5,
        "faster": "12×",
        "sst2": 90.4,
        "mnli": 80.6,
        "source": "princeton-nlp/CoFiPruning, README.md; V100 with batches of 128",
    },
    {
        "work": "MiniLM-L6-H384, dynamic INT8",
        "parameters": 22,
        "faster": "2.09×",
        "sst2": 89.91,
        "mnli": None,
        "source": "intel/neural-compressor, validated_model_list.md of July 2024: ONNX Runtime 1.18, batch 1 on a Xeon 8480+; fp32 90.14",
    },
    {
        "work": "DistilBERT, dynamic INT8",
        "parameters": 66,
        "faster": "2.32×",
        "sst2": 90.25,
        "mnli": None,
        "source": "intel/neural-compressor, validated_model_list.md of July 2024; fp32 91.06",
    },
]
