// Composes the config of a folder for config.bench.ts: prints milliseconds of the first time and of the best later one.
import { compose } from "../src/config/index.ts";

const [configPath = ""] = process.argv.slice(2);

function measure(): { wall: number; cpu: number } {
  const [start, before] = [performance.now(), process.cpuUsage()];
  compose({ configPath, configName: "config", overrides: ["group001=large"] });
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1000 };
}

const first = measure();
const later = Array.from({ length: 10 }, measure);
const best = {
  wall: Math.min(...later.map(({ wall }) => wall)),
  cpu: Math.min(...later.map(({ cpu }) => cpu)),
};
console.log(JSON.stringify({ first, best }));
