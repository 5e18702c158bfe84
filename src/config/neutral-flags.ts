// Flags of Lightning's Trainer that are not to be had here, at the values that ask for nothing else than is done anyway.

/** Such values by the flag; Lightning's tools write them out. */
export const neutralFlags: Readonly<Record<string, readonly unknown[]>> = {
  strategy: ["auto"],
  num_nodes: [1],
  benchmark: [false],
  inference_mode: [true],
  use_distributed_sampler: [true, false],
  barebones: [false],
  sync_batchnorm: [false],
  reload_dataloaders_every_n_epochs: [0],
  enable_autolog_hparams: [true],
};
