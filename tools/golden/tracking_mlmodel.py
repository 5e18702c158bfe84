"""Writes tests/goldens/tracking/MLmodel.yaml: what MLflow's transformers flavour writes for a text classifier.

    python tools/golden/tracking_mlmodel.py
"""

import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import mlflow
import transformers
from mlflow.models import infer_signature

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "buy", "now"]
        Path(folder, "vocab.txt").write_text("\n".join(words) + "\n")
        config = transformers.BertConfig(
            vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
        )
        transformers.BertForSequenceClassification(config).save_pretrained(f"{folder}/model")
        transformers.BertTokenizerFast(f"{folder}/vocab.txt").save_pretrained(f"{folder}/model")
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("golden", artifact_location=f"{folder}/artifacts")
        mlflow.set_experiment("golden")
        with mlflow.start_run():
            model = mlflow.transformers.log_model(
                transformers.pipeline("text-classification", model=f"{folder}/model"),
                name="model",
                task="text-classification",
                signature=infer_signature(["buy"], ["LABEL_0"]),
                input_example=["buy now"],
                pip_requirements=["transformers", "torch"],
            )
        text = Path(model.artifact_path, "MLmodel").read_text().replace(folder, "/tmp/golden")
    (ROOT / "tests/goldens/tracking/MLmodel.yaml").write_text(text)


main()
