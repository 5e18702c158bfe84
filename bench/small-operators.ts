// Measures small operators, for startup.bench.ts: prints microseconds a call as JSON. Its peer: startup_peer.py.
import { ones, scope } from "../src/torch/index.ts";

const callsPerScope = 1_000;
const [warmScopes, scopes, repeats] = [20, 20, 7];

const [x, y] = [ones([4]), ones([4])];
console.log(
  JSON.stringify({
    // as Python spells them
    "x + y": microseconds(() => x.add(y)),
    "x.view(2, 2)": microseconds(() => x.view([2, 2])),
    "x[0]": microseconds(() => x.select(0, 0)),
  }),
);

function microseconds(call: () => unknown): number {
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      scope(() => {
        for (let n = 0; n < callsPerScope; n++) call();
      });
    }
  };
  run(warmScopes);
  const each = Array.from({ length: repeats }, () => {
    const start = performance.now();
    run(scopes);
    return ((performance.now() - start) * 1000) / (scopes * callsPerScope);
  });
  return Math.min(...each);
}
