export { loadModule, saveModule } from "./module-folder.ts";
