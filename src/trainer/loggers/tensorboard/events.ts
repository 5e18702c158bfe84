// TensorBoard's events (tensorflow/core/util/event.proto, summary.proto) and their records in a file.
import { maskedCrc32c } from "./crc32c.ts";
import { encodeMessage } from "./protobuf.ts";
import type { Field } from "./protobuf.ts";

/** Begins a file. */
export function versionEvent(seconds: number): Buffer {
  return record([
    { field: 1, double: seconds },
    { field: 3, text: "brain.Event:2" },
  ]);
}

/** Holds the values of one step. */
export function scalarsEvent(
  seconds: number,
  step: number,
  scalars: Readonly<Record<string, number>>,
): Buffer {
  return summaryEvent(
    seconds,
    step,
    Object.entries(scalars).map(([tag, value]) => [
      { field: 1, text: tag },
      { field: 2, float: value },
    ]),
  );
}

/**
 * Holds hyperparameters for the HParams tab (tensorboard/plugins/hparams/api.proto, plugin_data.proto): what there is,
 * the values of this run, and that it has begun.
 */
export function hparamsEvents(
  seconds: number,
  hparams: Readonly<Record<string, unknown>>,
  metrics: readonly string[],
): Buffer {
  const entries = Object.entries(hparams).map(([name, value]) => ({ name, ...protoValue(value) }));
  const experiment: Field[] = [
    ...entries.map(({ name, type }): Field => ({
      field: 4, // hparam_infos
      message: [
        { field: 1, text: name },
        { field: 4, integer: type },
      ],
    })),
    ...metrics.map((tag): Field => ({
      field: 5, // metric_infos
      message: [{ field: 1, message: [{ field: 2, text: tag }] }],
    })),
  ];
  const start: Field[] = [
    ...entries.map(({ name, value }): Field => ({
      field: 1, // a map is a list of its entries
      message: [
        { field: 1, text: name },
        { field: 2, message: value },
      ],
    })),
    { field: 5, double: seconds },
  ];
  return Buffer.concat(
    [
      { tag: "_hparams_/experiment", data: { field: 2, message: experiment } },
      { tag: "_hparams_/session_start_info", data: { field: 3, message: start } },
    ].map(({ tag, data }) => summaryEvent(seconds, 0, [hparamsValue(tag, data)])),
  );
}

function hparamsValue(tag: string, data: Field): Field[] {
  const pluginData: Field[] = [
    { field: 1, text: "hparams" },
    { field: 2, message: [data] }, // content: HParamsPluginData, version 0
  ];
  return [
    { field: 1, text: tag },
    { field: 9, message: [{ field: 1, message: pluginData }] },
  ];
}

/** A google.protobuf.Value with the data type that the plugin knows it by: 1 text, 2 boolean, 3 number. */
function protoValue(value: unknown): { type: 1 | 2 | 3; value: Field[] } {
  if (typeof value === "number") return { type: 3, value: [{ field: 2, double: value }] };
  if (typeof value === "boolean") return { type: 2, value: [{ field: 4, integer: Number(value) }] };
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return { type: 1, value: [{ field: 3, text }] };
}

function summaryEvent(seconds: number, step: number, values: readonly Field[][]): Buffer {
  return record([
    { field: 1, double: seconds },
    { field: 2, integer: step },
    { field: 5, message: values.map((message): Field => ({ field: 1, message })) },
  ]);
}

/** Frames an event: length, its checksum, the event, its checksum (tensorflow/core/lib/io/record_writer.h). */
function record(event: readonly Field[]): Buffer {
  const data = encodeMessage(event);
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(maskedCrc32c(data));
  return Buffer.concat([head, data, foot]);
}
