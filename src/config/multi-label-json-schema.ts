// The JSON Schema of the tree of a multi-label classifier, whose parts are named by module and func.
import { type Definitions, component } from "./component-json-schema.ts";
import { type Json, type Looseness, loosen, plain } from "./json-schema-forms.ts";
import { componentLists, componentSlots, multiLabelSchema } from "./multi-label-schema.ts";
import type { ConfigPath } from "./value.ts";

/** Accepts such a tree. */
export function multiLabelJsonSchema(looseness: Looseness, definitions: Definitions): Json {
  const tree = plain(multiLabelSchema);
  const slots = componentSlots.map(({ path, kind }) => ({ schema: schemaAt(tree, path), kind }));
  const items = componentLists.map(({ path, kind }) => ({
    schema: schemaAt(tree, path)["items"] as Json,
    kind,
  }));
  const made = [...slots, ...items].map(
    (each) => [each.schema, component(each, looseness, definitions)] as const,
  );
  return loosen(tree, looseness, new Map(made));
}

function schemaAt(tree: Json, path: ConfigPath): Json {
  return path.reduce<Json>((schema, key) => (schema["properties"] as Json)[key] as Json, tree);
}
