import type { RunDetail } from "../../../src/api-types.ts";
import { FilterField } from "../../components/filter-field.tsx";
import { ScrollBox } from "../../components/scroll-box.tsx";
import { param } from "../../state/params.ts";

const filterParam = param("key");

/** The composed configuration: each value by its dotted key, what was overridden, and the files. */
export function Configuration({ detail }: { readonly detail: RunDetail }) {
  const { values, overrides = "", config, origins } = detail;
  const overridden = new Set(overrides.split("\n").flatMap((line) => /^- ['"]?[+~]*([^=@'"]+)/.exec(line)?.[1] ?? []));
  const words = filterParam.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = Object.entries(values).filter(([name, value]) =>
    words.every((word) =>
      `${name} ${value} ${overridden.has(name) ? "overridden" : ""} ${origins?.[name]?.join(" ") ?? ""}`
        .toLowerCase()
        .includes(word),
    ),
  );
  return (
    <>
      <div class="toolbar">
        <FilterField
          label="Filter the configuration"
          placeholder="Filter: learning_rate, overridden"
          value={filterParam.value}
          onFilter={(text) => filterParam.set(text, false)}
          count={`${rows.length} of ${Object.keys(values).length} values`}
        />
      </div>
      <table class="difference config">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Value</th>
            {origins && <th scope="col">Set in</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name} class={overridden.has(name) ? "differs" : ""}>
              <th scope="row">{name}</th>
              <td>
                {value} {overridden.has(name) && <small>overridden</small>}
              </td>
              {origins && (
                <td>
                  <Origin name={name} lines={origins[name] ?? []} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      <Text title="Overrides" text={overrides} />
      <Text title="YAML" text={config} />
      <Text title="Record" text={JSON.stringify(detail.record, null, 2)} />
    </>
  );
}

/** Where a value was set, in short; opened: the whole path, what it replaced, and what its interpolations lead to. */
function Origin({ name, lines }: { readonly name: string; readonly lines: readonly string[] }) {
  const set = lines.find((line) => line.startsWith("set in "))?.slice("set in ".length);
  if (set === undefined) return null;
  return (
    <details class="origin">
      <summary>
        {/^(override|default|schema|code) /.exec(set)?.[1] ?? set.split(/[\\/]/).at(-1)}
        <span class="hidden-label">{`: where ${name} comes from`}</span>
      </summary>
      <pre>{lines.join("\n")}</pre>
    </details>
  );
}

function Text({ title, text }: { readonly title: string; readonly text: string | undefined }) {
  if (!text?.trim()) return null;
  return (
    <details>
      <summary>{title}</summary>
      <ScrollBox label={title}>
        <pre>{text}</pre>
      </ScrollBox>
    </details>
  );
}
