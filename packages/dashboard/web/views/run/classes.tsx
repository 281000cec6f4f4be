import { useState } from "preact/hooks";
import type { RunDetail } from "../../../src/api-types.ts";
import { FilterField } from "../../components/filter-field.tsx";

/** More are found by typing. */
const maxShown = 500;

/** The classes of a run, by index. */
export function Classes({ detail }: { readonly detail: RunDetail }) {
  const [filter, setFilter] = useState("");
  const { labels = [] } = detail;
  const rows = labels
    .map((name, index) => ({ name, index }))
    .filter(({ name, index }) => `${index} ${name}`.toLowerCase().includes(filter.toLowerCase()));
  if (labels.length === 0) return <p class="note">This run has no list of classes yet.</p>;
  return (
    <>
      <div class="toolbar">
        <FilterField
          label="Filter the classes"
          placeholder="Filter classes"
          value={filter}
          onFilter={setFilter}
          count={`${rows.length} of ${labels.length} classes`}
        />
      </div>
      <ul class="class-list">
        {rows.slice(0, maxShown).map(({ name, index }) => (
          <li key={index}>
            <span class="number">{index}</span> {name}
          </li>
        ))}
      </ul>
      {rows.length > maxShown && <p class="note">{`${rows.length - maxShown} more: type to find them.`}</p>}
    </>
  );
}
