// Takes the same arguments as `sconce train`: npm run main -- CONFIG [a.b=value ...]
import { main } from "./src/cli/main.ts";
process.exitCode = await main(["train", ...process.argv.slice(2)]);
