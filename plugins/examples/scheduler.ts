// A schedule: the rate follows half a sine over the whole run, lowest at both ends.
import { registerScheduler } from "sconce";
import { optim } from "sconce/torch";

/** Options: `floor`, the share of the rate at both ends, 0.1 if absent. `trainingSteps` comes from the run. */
registerScheduler("half_sine", {
  options: ["floor"],
  required: ["trainingSteps"],
  create(optimizer, { floor = 0.1, trainingSteps }: { floor?: number; trainingSteps: number }) {
    const share = (step: number): number =>
      floor + (1 - floor) * Math.sin((Math.PI * Math.min(step, trainingSteps)) / trainingSteps);
    return new optim.lrScheduler.LambdaLR(optimizer, share);
  },
});
