"""What a bundle answers, with its logits. An emulator runs this file: it needs what the bundle's predict.py needs.

    python answers.py BUNDLE COUNT --file texts.txt

Prints a line of JSON of the packages, then one for each of the first COUNT texts. The other arguments are those of predict.py.
"""

from __future__ import annotations

import json
import platform
import sys


def main() -> None:
    folder, count, *arguments = sys.argv[1:]
    sys.path.insert(0, folder)
    import predict  # of the bundle

    try:
        model = predict.Model(folder)
        rows = [row for row in predict.read(predict._arguments(arguments), model.pair) if row is not None][: int(count)]
    except predict.BundleError as error:
        sys.exit(f"error: {error}")
    import onnxruntime

    print(json.dumps({"onnxruntime": onnxruntime.__version__, "machine": platform.machine()}))
    for row in rows:
        logits = model.logits(*row)
        print(json.dumps({"logits": logits.tolist(), "answer": predict.answer(logits, model.labels)}), flush=True)


if __name__ == "__main__":
    main()
