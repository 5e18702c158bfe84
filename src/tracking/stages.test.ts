import { expect, test } from "vitest";
import { canonicalStage, checkCustomStages, isActiveStage } from "./stages.ts";

test("a stage has one name in the store, whatever its case, and None answers to dev and Development", () => {
  const stages = ["none", "DEV", "Development", "staging", "PRODUCTION", "archived", "canary"];
  expect(stages.map((stage) => canonicalStage(stage, ["Canary"]))).toEqual([
    "None",
    "None",
    "None",
    "Staging",
    "Production",
    "Archived",
    "Canary",
  ]);
});

test("a stage that no one knows is refused with those there are", () => {
  expect(() => canonicalStage("prod")).toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: stage: it must be one that the store knows, got "prod". Valid: Archived, Development, Production, Staging.]`,
  );
  expect(() => canonicalStage("Canery", ["Canary"])).toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: stage: it must be one that the store knows, got "Canery". Did you mean "Canary"? Valid: Archived, Canary, Development, Production, Staging.]`,
  );
});

test("only stages of use make room for a newcomer", () => {
  expect(["None", "Archived", "Staging", "Production", "Canary"].filter(isActiveStage)).toEqual([
    "Staging",
    "Production",
    "Canary",
  ]);
});

test("custom stages must differ from all others and fit into models:/NAME/STAGE", () => {
  expect(checkCustomStages(["Canary", "shadow 2"])).toEqual(["Canary", "shadow 2"]);
  for (const bad of [
    "",
    " x",
    "a/b",
    "12",
    "staging",
    "Dev",
    "latest",
    "Deleted_Internal",
    "x".repeat(101),
  ]) {
    expect(() => checkCustomStages([bad]), bad).toThrow(/^stages: /);
  }
  expect(() => checkCustomStages(["a", "A"])).toThrow(
    'stages: "A" is taken. Names ignore case; choose another.',
  );
});
