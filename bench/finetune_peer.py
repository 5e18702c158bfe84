"""Fine-tunes the same model on the same rows with Hugging Face's Trainer, for finetune.bench.ts.

    finetune_peer.py default|best MODEL TRAIN.csv BATCH MAX_LENGTH OUTPUT_DIR [EPOCHS TEST.csv SEED]

Prints one JSON line: with a test file the accuracy on it; else seconds from the start of this process to the end of the first optimizer step, samples per
second from the end of step WARM on (the same window as ours), and the peak resident memory.
"""

import csv
import json
import os
import resource
import sys
import time

STARTED = float(os.environ["BENCH_STARTED"])  # when this process was spawned
WARM = int(os.environ["BENCH_WARM"])

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)


class Clock(TrainerCallback):
    first = None
    warm = None
    last = None

    def on_step_end(self, args, state, control, **kwargs):
        now = time.time()
        if self.first is None:
            self.first = now
        if state.global_step == WARM:
            self.warm = now
        self.last = now
        self.steps = state.global_step


class Rows(torch.utils.data.Dataset):
    def __init__(self, encodings, labels):
        self.encodings, self.labels = encodings, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        row = {key: value[i] for key, value in self.encodings.items()}
        row["labels"] = self.labels[i]
        return row


mode, model_path, train_path, batch, max_length, output_dir = sys.argv[1:7]
epochs, test_path, seed = sys.argv[7:10] if len(sys.argv) > 7 else ("1", None, "42")


def read(path):
    with open(path, newline="", encoding="utf8") as file:
        return list(csv.DictReader(file))


table = read(train_path)
names = sorted({row["label"] for row in table})
tokenizer = AutoTokenizer.from_pretrained(model_path)


def rows_of(table):
    encodings = tokenizer([row["text"] for row in table], truncation=True, max_length=int(max_length))
    return Rows(encodings, [names.index(row["label"]) for row in table])


rows = rows_of(table)
set_seed(int(seed))  # the head's first weights are drawn here
model = AutoModelForSequenceClassification.from_pretrained(model_path, num_labels=len(names))
best = {"bf16": True, "train_sampling_strategy": "group_by_length"} if mode == "best" else {}
clock = Clock()
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=output_dir,
        per_device_train_batch_size=int(batch),
        num_train_epochs=int(epochs),
        learning_rate=5e-5,
        weight_decay=0.01,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=int(seed),
        **best,
    ),
    train_dataset=rows,
    data_collator=DataCollatorWithPadding(tokenizer),
    callbacks=[clock],
)
trainer.train()
if test_path is not None:
    judged = trainer.predict(rows_of(read(test_path)))  # by length, so its labels are in another order too
    print(json.dumps({"accuracy": float((judged.predictions.argmax(-1) == judged.label_ids).mean())}))
    sys.exit()
items = len(rows) - WARM * int(batch)
print(
    json.dumps(
        {
            "firstStepSeconds": clock.first - STARTED,
            "samplesPerSecond": items / (clock.last - clock.warm),
            "peakRssMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "steps": clock.steps,
        }
    )
)
