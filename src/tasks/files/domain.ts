// The data modules that read files, by the names that configs call them.
import { registerBuiltIn, registerDataset } from "../../contracts/index.ts";
import { TableDataModule } from "./table-data.ts";
import { TextFileDataModule } from "./text-data.ts";

registerBuiltIn(() => {
  registerDataset("table", TableDataModule);
  registerDataset("text_files", TextFileDataModule);
});

export { TableDataModule, TextFileDataModule };
